"use strict";

/**
 * The page's side of the worker that runs the network. What the worker needs comes in classic scripts, which are all
 * that a page from a file may load: `library.js` sets LIBRARY, `model.js` sets MODEL.
 */
const Runtime = (() => {
  const FOLDER = new URL(".", document.currentScript.src);
  const waiting = new Map(); // number of a task → what to do with its result
  let asked = 0, worker, about;

  /** Load a script that lies beside this one. */
  function load(name) {
    return new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: new URL(name, FOLDER), onload: resolve });
      script.onerror = () => reject(new Error(`${name} is missing`));
      document.head.append(script);
    });
  }

  function ask(task, values, transfer = []) {
    return new Promise((resolve, reject) => {
      const id = asked++;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, task, values }, transfer);
    });
  }

  function receive({ data: { id, result, error } }) {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }

  /** Load the parts and start the worker, once; gives what the network's file says of the network. */
  function start() {
    about ??= Promise.all([load("library.js"), load("model.js")]).then(() => {
      worker = new Worker(URL.createObjectURL(new Blob([LIBRARY.script], { type: "text/javascript" })));
      worker.onmessage = receive;
      worker.onerror = () => waiting.forEach(({ reject }) => reject(new Error("its worker can't be started")));
      const parts = { wasm: LIBRARY.wasm, glue: LIBRARY.glue, network: MODEL };
      LIBRARY = MODEL = null; // the worker has a copy, and this one takes 14 MB
      return ask("start", parts);
    });
    return about;
  }

  /** Run the network on a batch; its data goes to the worker and is gone here. */
  function run(batch) {
    return ask("run", batch, [batch.data.buffer]);
  }

  return { load, start, run };
})();
