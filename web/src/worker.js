// Loads a model beside the page: {url, maxMemory} -> {progress}..., then {model} or {status, text}.
import {load} from './qcompress.js';

self.onmessage = async ({data: {url, maxMemory}}) => {
  try {
    const onProgress = (progress) => self.postMessage({progress});
    const model = await load(url, {maxMemory, onProgress});
    self.postMessage({model}, [model.buffer]);
  } catch (error) {
    self.postMessage({status: error.status ?? 'file', text: error.message});
  }
};
