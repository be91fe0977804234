/** What kind of failure a QcompressError is. */
export type Status = 'usage' | 'file' | 'corrupt' | 'unsupported' | 'limit' | 'memory';

/** A container that cannot be read; the message says what is wrong and where. */
export declare class QcompressError extends Error {
  readonly status: Status;
}

/** A file of the model; sizes are in bytes. */
export interface File {
  readonly path: string;
  readonly size: number;
}

/** A tensor of the model; sizes are in bytes, `layout` is how it is stored. */
export interface Tensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly size: number;
  readonly storedSize: number;
  readonly layout: string;
}

/** An URL, a response of fetch, or the container itself. */
export type Source = string | URL | Response | ArrayBuffer | ArrayBufferView;

export interface Options {
  /** For an update, the model that it was made from: its .onnx file, or all its files. */
  base?: Uint8Array | readonly Uint8Array[];
  /** Bytes that reading may take beside what is returned; 0: 128 MiB, or 16 times the container. */
  maxMemory?: number;
  /** Told how many bytes have been fetched. */
  onProgress?: (bytes: number) => void;
}

/** The elements of a tensor; bfloat16 and float16 come as their bits. */
export type Elements = Float32Array | Float64Array | Int8Array | Int16Array | Int32Array |
    BigInt64Array | Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** An open container. */
export declare class Container {
  private constructor();
  static open(source: Source, options?: Options): Promise<Container>;
  /** The files of the model, the .onnx file first. */
  readonly files: readonly File[];
  /** Of an update, the files of the model that it was made from. */
  readonly baseFiles: readonly File[];
  /** The tensors of the model, in its order. */
  readonly tensors: readonly Tensor[];
  decode(name: string): Elements;
  /** The bytes of a file, the very same that were packed. */
  readFile(index?: number): Uint8Array;
  /** Decodes everything and compares all checksums. */
  verify(): void;
  metadata(key: string): string | undefined;
  close(): void;
}

/** The .onnx file in a container. */
export declare function load(source: Source, options?: Options): Promise<Uint8Array>;

/** The same, fetched and decoded in a worker of its own. */
export declare function loadInWorker(url: string | URL, options?: Options): Promise<Uint8Array>;
