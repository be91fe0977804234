#include "engine/torch/one_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace qc::torch_engine {
namespace {

// libtorch hands no number of threads on to OpenBLAS, which not every libtorch uses.
template <typename Function>
Function* openblas(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

void set_blas_threads(int count) {
  static auto* const kSet = openblas<void(int)>("openblas_set_num_threads");
  if (kSet != nullptr) kSet(count);
}

int blas_threads() {
  static auto* const kGet = openblas<int()>("openblas_get_num_threads");
  return kGet != nullptr ? kGet() : 1;
}

}  // namespace

OneThread::OneThread() : torch_threads_(at::get_num_threads()), blas_threads_(blas_threads()) {
  at::set_num_threads(1);
  set_blas_threads(1);
}

OneThread::~OneThread() {
  at::set_num_threads(torch_threads_);
  set_blas_threads(blas_threads_);
}

}  // namespace qc::torch_engine
