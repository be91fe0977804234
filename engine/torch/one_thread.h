// Arithmetic in one thread, for results that depend on no number of threads.
#pragma once

namespace qc::torch_engine {

/// While one lives, libtorch and OpenBLAS compute in the calling thread alone: several would add up
/// in another order.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int torch_threads_;
  int blas_threads_ = 0;
};

}  // namespace qc::torch_engine
