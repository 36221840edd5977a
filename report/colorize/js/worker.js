"use strict";

/**
 * Runs the network in a worker, so that the page never waits for it. When the page is built, this file is appended to
 * ONNX Runtime's script, whose `ort` it uses: a page from a file can start a worker from a single string only.
 */
(() => {
  const METADATA = 14, KEY = 1, VALUE = 2; // numbers of fields in an ONNX file
  const ABOUT = "colorlib"; // the entry in the metadata that describes the network
  const VARINT = 0, EIGHT_BYTES = 1, LENGTH_AND_BYTES = 2, FOUR_BYTES = 5; // how a field's value is written
  let session;

  const tasks = {
    /** Start ONNX Runtime with a network; returns what the network's file says of it. */
    async start({ wasm, glue, network }) {
      const [runtime, model] = [await unzip(fromBase64(wasm)), fromBase64(network)];
      ort.env.logLevel = "error";
      Object.assign(ort.env.wasm, {
        numThreads: 1, // several need headers that no file comes with
        wasmBinary: runtime,
        wasmPaths: { mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })) },
      });
      session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
      return readAbout(model);
    },

    /** Run the network on a batch. */
    async run({ data, shape }) {
      const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, shape) });
      const { data: values, dims } = outputs[session.outputNames[0]];
      return { data: values, shape: dims };
    },
  };

  onmessage = async ({ data: { id, task, values } }) => {
    try {
      postMessage({ id, result: await tasks[task](values) });
    } catch (error) {
      postMessage({ id, error: String(error.message || error) });
    }
  };

  function fromBase64(text) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const characters = atob(text), bytes = new Uint8Array(characters.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
    return bytes;
  }

  async function unzip(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function readAbout(model) {
    for (const [number, entry] of fields(model)) {
      if (number !== METADATA) continue;
      const texts = new Map(Array.from(fields(entry), ([part, bytes]) => [part, new TextDecoder().decode(bytes)]));
      if (texts.get(KEY) === ABOUT) return JSON.parse(texts.get(VALUE));
    }
    throw new Error("the network's file does not say what it holds");
  }

  /** List a protocol-buffer message's fields that consist of bytes: their numbers and the bytes. */
  function* fields(message) {
    let at = 0;
    const varint = () => {
      let value = 0, unit = 1, byte;
      do {
        byte = message[at++];
        value += (byte & 127) * unit;
        unit *= 128;
      } while (byte & 128);
      return value;
    };
    while (at < message.length) {
      const tag = varint(), kind = tag & 7;
      if (kind === VARINT) varint();
      else if (kind === EIGHT_BYTES) at += 8;
      else if (kind === FOUR_BYTES) at += 4;
      else if (kind === LENGTH_AND_BYTES) {
        const length = varint();
        yield [tag >> 3, message.subarray(at, at + length)];
        at += length;
      } else throw new Error("the network's file is damaged");
    }
  }
})();
