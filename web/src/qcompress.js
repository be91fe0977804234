// Reads .qc containers with the decoder compiled to WebAssembly (qcompress/qcompress.h).

const STATUS = {2: 'usage', 3: 'file', 4: 'corrupt', 5: 'unsupported', 6: 'limit', 8: 'memory'};

// ONNX's TensorProto.DataType: names, and the arrays that elements come in. Types without an array of
// their own come as the bits of each element, those of less than a byte as bytes.
const TYPES = {
  1: ['float32', Float32Array], 2: ['uint8', Uint8Array], 3: ['int8', Int8Array],
  4: ['uint16', Uint16Array], 5: ['int16', Int16Array], 6: ['int32', Int32Array],
  7: ['int64', BigInt64Array], 8: ['string', Uint8Array], 9: ['bool', Uint8Array],
  10: ['float16', Uint16Array], 11: ['float64', Float64Array], 12: ['uint32', Uint32Array],
  13: ['uint64', BigUint64Array], 14: ['complex64', Float32Array],
  15: ['complex128', Float64Array], 16: ['bfloat16', Uint16Array],
};

// Sizes of the structures of the C interface, and where their fields are, with 32 bits.
const ERROR = {size: 248, text: 4};
const FILE = {size: 16, path: 0, bytes: 8};
const TENSOR = {size: 40, name: 0, type: 4, rank: 8, shape: 12, bytes: 16, stored: 24, layout: 32};
const OPTIONS = {size: 24, memory: 0};

/** A container that cannot be read. */
export class QcompressError extends Error {
  constructor(status, text) {
    super(text);
    this.name = 'QcompressError';
    this.status = status;
  }
}

const inNode = typeof process !== 'undefined' && Boolean(process.versions?.node);

async function compile() {
  const url = new URL('./qcompress.wasm', import.meta.url);
  if (inNode && url.protocol === 'file:') {
    const {readFile} = await import('node:fs/promises');
    return WebAssembly.compile(await readFile(url));
  }
  return WebAssembly.compile(await (await fetch(url)).arrayBuffer());
}

let compiled;

// An instance of its own for each container: its memory goes with it.
async function instantiate() {
  compiled ??= compile();
  const module = await compiled;
  const imports = {};
  for (const {module: from, name, kind} of WebAssembly.Module.imports(module)) {
    if (kind !== 'function') continue;
    // Nothing of the system is needed; what is linked in all the same says that it is not there.
    (imports[from] ??= {})[name] = () => 52;
  }
  const instance = await WebAssembly.instantiate(module, imports);
  instance.exports._initialize?.();
  return instance.exports;
}

async function readStream(response, onProgress) {
  if (!response.ok) throw new QcompressError('file', `${response.url}: status ${response.status}`);
  const reader = response.body.getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) break;
    pieces.push(value);
    size += value.length;
    onProgress?.(size);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function bytesOf(source, onProgress) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  if (source instanceof Response) return readStream(source, onProgress);
  return readStream(await fetch(source), onProgress);
}

/** An open container. */
export class Container {
  #wasm;
  #handle = 0;
  #index = new Map();

  /** The files of the model, the .onnx file first. */
  files;
  /** Of an update, the files of the model that it was made from. */
  baseFiles;
  /** The tensors of the model, in its order. */
  tensors;

  constructor(wasm, handle) {
    this.#wasm = wasm;
    this.#handle = handle;
    const files = (count, get) => this.#list(count(handle), FILE.size, (index, at) => {
      get(handle, index, at);
      return {path: this.#text(at + FILE.path), size: this.#long(at + FILE.bytes)};
    });
    this.files = files(wasm.qcompress_file_count, wasm.qcompress_get_file);
    this.baseFiles = files(wasm.qcompress_base_count, wasm.qcompress_get_base);
    this.tensors = this.#list(wasm.qcompress_tensor_count(handle), TENSOR.size, (index, at) => {
      wasm.qcompress_get_tensor(handle, index, at);
      const view = this.#view();
      const type = view.getInt32(at + TENSOR.type, true);
      const rank = view.getUint32(at + TENSOR.rank, true);
      const shape = view.getUint32(at + TENSOR.shape, true);
      return {
        name: this.#text(at + TENSOR.name),
        type: TYPES[type]?.[0] ?? `type ${type}`,
        shape: Array.from({length: rank}, (_, i) => this.#long(shape + 8 * i)),
        size: this.#long(at + TENSOR.bytes),
        storedSize: this.#long(at + TENSOR.stored),
        layout: this.#text(at + TENSOR.layout),
      };
    });
    this.tensors.forEach((tensor, index) => {
      if (!this.#index.has(tensor.name)) this.#index.set(tensor.name, index);
    });
  }

  /** Opens an URL, a Response, or bytes. */
  static async open(source, {base, maxMemory = 0, onProgress} = {}) {
    const bytes = await bytesOf(source, onProgress);
    const wasm = await instantiate();
    const at = wasm.malloc(Math.max(bytes.length, 1) + OPTIONS.size + ERROR.size + 16);
    if (at === 0) throw new QcompressError('memory', 'there is no memory for the container');
    const options = (at + bytes.length + 7) & ~7;
    const error = options + OPTIONS.size;
    const handle = error + ERROR.size;
    new Uint8Array(wasm.memory.buffer).set(bytes, at);
    const view = new DataView(wasm.memory.buffer);
    new Uint8Array(wasm.memory.buffer, options, OPTIONS.size).fill(0);
    view.setBigUint64(options + OPTIONS.memory, BigInt(maxMemory), true);
    const status = wasm.qcompress_open_memory(at, bytes.length, options, handle, error);
    if (status !== 0) throw failure(wasm, error, status);
    const opened = new DataView(wasm.memory.buffer).getUint32(handle, true);
    const container = new Container(wasm, opened);
    if (base !== undefined) container.#setBase(Array.isArray(base) ? base : [base]);
    return container;
  }

  // Copies the files of the base into the module's memory, where they stay.
  #setBase(files) {
    const wasm = this.#wasm;
    if (files.map((file) => file.length).join() !== this.baseFiles.map(({size}) => size).join()) {
      throw new QcompressError('usage', 'the base is not the model that it updates');
    }
    const addresses = files.map((file) => {
      const at = wasm.malloc(Math.max(file.length, 1));
      if (at === 0) throw new QcompressError('memory', 'there is no memory for the base');
      new Uint8Array(wasm.memory.buffer).set(file, at);
      return at;
    });
    const error = wasm.malloc(ERROR.size + 4 * files.length);
    const list = error + ERROR.size;
    addresses.forEach((at, i) => this.#view().setUint32(list + 4 * i, at, true));
    const status = wasm.qcompress_set_base(this.#handle, list, files.length, error);
    const refused = status === 0 ? undefined : failure(wasm, error, status);
    wasm.free(error);
    if (refused !== undefined) throw refused;
  }

  /** The elements of a tensor, by its name. */
  decode(name) {
    const index = this.#index.get(name);
    if (index === undefined) throw new RangeError(`there is no tensor ${name}`);
    const {type, size} = this.tensors[index];
    const bytes = this.#filled(size, (at, error) =>
      this.#wasm.qcompress_decode_tensor(this.#handle, index, at, size, error));
    const array = Object.values(TYPES).find(([known]) => known === type)?.[1] ?? Uint8Array;
    return new array(bytes.buffer, 0, size / array.BYTES_PER_ELEMENT);
  }

  /** The bytes of a file, the very same that were packed. */
  readFile(index = 0) {
    const {size} = this.files[index];
    return this.#filled(size, (at, error) =>
      this.#wasm.qcompress_read_file(this.#handle, index, at, size, error));
  }

  /** Decodes everything and compares all checksums. */
  verify() {
    this.files.forEach((_, index) => this.readFile(index));
  }

  /** What was stored with the model under a key; undefined when there is nothing. */
  metadata(key) {
    const wasm = this.#wasm;
    const name = new TextEncoder().encode(`${key}\0`);
    const at = wasm.malloc(name.length + 8);
    const length = (at + name.length + 3) & ~3;
    new Uint8Array(wasm.memory.buffer).set(name, at);
    const value = wasm.qcompress_metadata(this.#handle, at, length);
    const size = this.#view().getUint32(length, true);
    wasm.free(at);
    if (value === 0) return undefined;
    return new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, value, size));
  }

  /** Gives back what the container takes; nothing else works then. */
  close() {
    if (this.#wasm !== undefined) this.#wasm.qcompress_close(this.#handle);
    this.#wasm = undefined;
  }

  #view() {
    return new DataView(this.#wasm.memory.buffer);
  }

  #long(at) {
    return Number(this.#view().getBigInt64(at, true));
  }

  #text(at) {
    return text(this.#wasm, this.#view().getUint32(at, true));
  }

  #list(count, size, read) {
    const at = this.#wasm.malloc(size);
    const list = Array.from({length: count}, (_, index) => read(index, at));
    this.#wasm.free(at);
    return list;
  }

  // What fill(address, error) writes, copied out of the module's memory.
  #filled(size, fill) {
    const wasm = this.#wasm;
    if (wasm === undefined) throw new QcompressError('usage', 'the container is closed');
    const error = wasm.malloc(ERROR.size);
    const at = wasm.malloc(Math.max(size, 1));
    try {
      if (error === 0 || at === 0) {
        throw new QcompressError('memory', `there is no memory for ${size} bytes`);
      }
      const status = fill(at, error);
      if (status !== 0) throw failure(wasm, error, status);
      return new Uint8Array(wasm.memory.buffer).slice(at, at + size);
    } finally {
      wasm.free(at);
      wasm.free(error);
    }
  }
}

function text(wasm, at) {
  const bytes = new Uint8Array(wasm.memory.buffer);
  return new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));
}

function failure(wasm, error, status) {
  return new QcompressError(STATUS[status] ?? 'unknown', text(wasm, error + ERROR.text));
}

/** The .onnx file in a container. */
export async function load(source, options) {
  const container = await Container.open(source, options);
  try {
    if (container.files.length > 1) {
      throw new QcompressError('unsupported', 'the model has external data: read its files');
    }
    return container.readFile();
  } finally {
    container.close();
  }
}

/** The same, decoded in a worker of its own. */
export function loadInWorker(url, {base, maxMemory = 0, onProgress} = {}) {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {type: 'module'});
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => {
      if (data.progress !== undefined) {
        onProgress?.(data.progress);
        return;
      }
      worker.terminate();
      if (data.model !== undefined) resolve(data.model);
      else reject(new QcompressError(data.status, data.text));
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new QcompressError('file', event.message ?? 'the worker cannot be started'));
    };
    worker.postMessage({url: new URL(url, globalThis.location?.href).href, base, maxMemory});
  });
}
