// Loads a model beside the page: {url, base, maxMemory} -> {progress}..., then {model} or {status, text}.
import {load} from './qcompress.js';

self.onmessage = async ({data: {url, base, maxMemory}}) => {
  try {
    const onProgress = (progress) => self.postMessage({progress});
    const model = await load(url, {base, maxMemory, onProgress});
    self.postMessage({model}, [model.buffer]);
  } catch (error) {
    self.postMessage({status: error.status ?? 'file', text: error.message});
  }
};
