"use strict";

/** The hints on the photo: placed, moved, changed, removed, undone, saved, read. */
const Markers = (() => {
  const MOVED = 4; // CSS pixels that a pointer moves before it is no longer a click
  const NOTICED = 0.5; // difference in a,b
  const STEP = 0.02; // share of the photo's width that an arrow key moves a hint by; with Shift, a pixel
  const $ = (id) => document.getElementById(id);
  let photo = null, page, selected = -1;

  /**
   * Begin.
   * @param {{changed: function, colorAt: function(object, object): number[], say: function(string, boolean),
   *   handOver: function(Blob, string), reveal: function(number)}} hooks of the page
   */
  function start(hooks) {
    page = hooks;
  }

  /** Show the hints of a photo that was colored, or none. */
  function show(colored) {
    photo = colored;
    select(-1);
  }

  /** Do something to the hints that can be undone; what `goesOn` belongs to the change before. */
  function change(work, goesOn = false) {
    if (!goesOn) photo.past.push(photo.hints.map((hint) => ({ ...hint })));
    work(photo.hints);
    update();
    page.changed();
  }

  function undo() {
    if (!photo?.past.length) return;
    photo.hints = photo.past.pop();
    select(-1);
    page.changed();
  }

  function select(index) {
    selected = index;
    Picker.close();
    update();
    if (index < 0) return;
    const hint = photo.hints[index];
    Picker.open(hint.lightness, [hint.a, hint.b], Likely.colors(hint.lightness, page.colorAt(photo, hint, true)),
      ([a, b], goesOn) => change((hints) => Object.assign(hints[index], { a, b }), goesOn));
  }

  /** Put a hint where there was none, in the color that is there: so far, it changes nothing. */
  function place(x, y) {
    const at = photo.hints.findIndex((hint) => hint.x === x && hint.y === y);
    if (at < 0) {
      const [a, b] = page.colorAt(photo, { x, y }), lightness = lightnessAt(x, y);
      const [fitA, fitB] = Color.fit(lightness, a, b);
      change((hints) => hints.push({ x, y, a: fitA, b: fitB, lightness }));
    }
    select(at < 0 ? photo.hints.length - 1 : at);
    page.reveal((x + 0.5) / photo.width);
  }

  /** Move a hint to a pixel that has none yet; its color is made to fit the L* there. */
  function move(index, x, y, goesOn) {
    const column = Math.min(photo.width - 1, Math.max(0, Math.round(x)));
    const row = Math.min(photo.height - 1, Math.max(0, Math.round(y)));
    if (photo.hints.some((hint) => hint.x === column && hint.y === row)) return false;
    const lightness = lightnessAt(column, row), { a, b } = photo.hints[index], [fitA, fitB] = Color.fit(lightness, a, b);
    change((hints) => Object.assign(hints[index], { x: column, y: row, a: fitA, b: fitB, lightness }), goesOn);
    if (index === selected) select(index);
    return true;
  }

  function remove(index) {
    if (index < 0) return;
    change((hints) => hints.splice(index, 1));
    select(-1);
    $("add").focus();
  }

  function lightnessAt(x, y) {
    const pixel = photo.read(y, 1).data.slice(4 * x, 4 * x + 4);
    return Color.grayToLightness(Color.toGray(pixel)[0]);
  }

  /** Draw the markers, and say which buttons can be used. */
  function update() {
    const markers = [...document.querySelectorAll("#stage .hint")], hints = photo?.hints ?? [];
    while (markers.length < hints.length) markers.push(makeMarker(markers.length));
    for (const extra of markers.splice(hints.length)) extra.remove();
    hints.forEach((hint, i) => {
      markers[i].style.left = `${100 * (hint.x + 0.5) / photo.width}%`;
      markers[i].style.top = `${100 * (hint.y + 0.5) / photo.height}%`;
      markers[i].style.backgroundColor = Picker.css(hint.lightness, hint.a, hint.b);
      markers[i].setAttribute("aria-label", `Hint ${i + 1}: ${Picker.describe(hint.a, hint.b)}`);
      markers[i].setAttribute("aria-pressed", i === selected);
    });
    $("add").disabled = $("load-hints").disabled = !photo;
    $("undo").disabled = !photo?.past.length;
    $("save-hints").disabled = !hints.length;
  }

  function makeMarker(index) {
    const marker = Object.assign(document.createElement("button"), { type: "button", className: "hint" });
    let begun = null, moved = false;
    marker.addEventListener("pointerdown", (event) => {
      event.stopPropagation(); // or the handle would come here
      marker.setPointerCapture(event.pointerId);
      [begun, moved] = [event, false];
    });
    marker.addEventListener("pointermove", (event) => {
      if (!begun || !moved && Math.hypot(event.clientX - begun.clientX, event.clientY - begun.clientY) < MOVED) return;
      const [x, y] = pixelAt(event);
      moved = move(index, x, y, moved) || moved;
    });
    marker.addEventListener("pointerup", () => { begun = null; });
    marker.addEventListener("pointercancel", () => { begun = null; });
    marker.addEventListener("click", () => select(index));
    marker.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 1 : Math.max(1, STEP * photo.width), { x, y } = photo.hints[index];
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key in moves) move(index, x + step * moves[event.key][0], y + step * moves[event.key][1], event.repeat);
      else if (event.key === "Delete" || event.key === "Backspace") remove(index);
      else return;
      event.preventDefault();
    });
    $("stage").append(marker);
    return marker;
  }

  /** The photo's pixel under the pointer. */
  function pixelAt({ clientX, clientY }) {
    const { left, top, width, height } = $("stage").getBoundingClientRect();
    return [(clientX - left) / width * photo.width - 0.5, (clientY - top) / height * photo.height - 0.5];
  }

  /** Put a hint where the photo was clicked on. */
  function clicked(event) {
    if (!photo) return;
    const [x, y] = pixelAt(event);
    place(Math.min(photo.width - 1, Math.max(0, Math.round(x))), Math.min(photo.height - 1, Math.max(0, Math.round(y))));
  }

  /** Put a hint in the middle, or where the next one has room, for those who use no pointer. */
  function add() {
    let [x, y] = [photo.width, photo.height].map((side) => Math.floor(side / 2));
    while (x < photo.width - 1 && photo.hints.some((hint) => hint.x === x && hint.y === y)) x++;
    place(x, y);
    document.querySelectorAll("#stage .hint")[selected].focus();
  }

  function save() {
    const name = `${photo.name.replace(/\.[^.]*$/, "")}-hints.json`;
    page.handOver(new Blob([HintFile.write(photo)], { type: "application/json" }), name);
    page.say(`${name} is in your downloads.`);
  }

  /** Take the hints of a file in place of those that there are. */
  async function load(file) {
    const target = photo;
    try {
      if (!target) throw new Error(`${file.name} holds hints for a photo: open the photo first.`);
      const read = HintFile.read(await file.text(), file.name, target);
      if (target !== photo) return;
      const last = new Map(read.map((hint) => [hint.y * target.width + hint.x, hint])); // of several, the last one counts
      const asked = [...last.values()];
      const hints = asked.map((hint) => {
        const lightness = lightnessAt(hint.x, hint.y), [a, b] = Color.fit(lightness, hint.a, hint.b);
        return { ...hint, a, b, lightness };
      });
      select(-1);
      change((old) => old.splice(0, old.length, ...hints));
      const moved = hints.filter((hint, i) => Math.hypot(hint.a - asked[i].a, hint.b - asked[i].b) > NOTICED).length;
      const note = moved ? ` Of ${moved}, the photo is too light or too dark for so much color: they have as much as it can.` : "";
      page.say(`${hints.length} ${hints.length === 1 ? "hint" : "hints"} from ${file.name}.${note}`);
    } catch (error) {
      page.say(error.message, true);
    }
  }

  $("add").addEventListener("click", add);
  $("undo").addEventListener("click", undo);
  $("remove").addEventListener("click", () => remove(selected));
  $("done").addEventListener("click", () => select(-1));
  $("save-hints").addEventListener("click", save);
  $("load-hints").addEventListener("change", () => {
    if ($("load-hints").files.length) load($("load-hints").files[0]);
    $("load-hints").value = "";
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") select(-1);
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      undo();
    }
  });

  return { MOVED, start, show, clicked, load };
})();
