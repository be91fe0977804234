/* Functions of one element. y may be x. */
#include <math.h>
#include <stddef.h>

/* kernel qk_relu */
static void qk_relu(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0.0F ? 0.0F : x[i];
}

/* kernel qk_leaky_relu */
static void qk_leaky_relu(const float *x, float *y, size_t count, float alpha) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0.0F ? alpha * x[i] : x[i];
}

/* kernel qk_clip */
static void qk_clip(const float *x, float *y, size_t count, float low, float high) {
  for (size_t i = 0; i < count; ++i) {
    const float at_least = x[i] < low ? low : x[i];
    y[i] = at_least > high ? high : at_least;
  }
}

/* kernel qk_clip_to: needs qk_clip */
/* Limits that are computed; NULL where there is none. */
static void qk_clip_to(const float *x, const float *low, const float *high, float *y,
                       size_t count) {
  qk_clip(x, y, count, low != NULL ? *low : -INFINITY, high != NULL ? *high : INFINITY);
}

/* kernel qk_logistic */
/* The logistic function, without overflow. */
static float qk_logistic(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

/* kernel qk_sigmoid: needs qk_logistic */
static void qk_sigmoid(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = qk_logistic(x[i]);
}

/* kernel qk_quick_gelu: needs qk_logistic */
static void qk_quick_gelu(const float *x, float *y, size_t count, float alpha) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * qk_logistic(alpha * x[i]);
}

/* kernel qk_tanh */
static void qk_tanh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = tanhf(x[i]);
}

/* kernel qk_hard_sigmoid */
static void qk_hard_sigmoid(const float *x, float *y, size_t count, float alpha, float beta) {
  for (size_t i = 0; i < count; ++i) y[i] = fminf(1.0F, fmaxf(0.0F, alpha * x[i] + beta));
}

/* kernel qk_hard_swish */
static void qk_hard_swish(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    y[i] = x[i] * fminf(1.0F, fmaxf(0.0F, x[i] * (1.0F / 6.0F) + 0.5F));
  }
}

/* kernel qk_elu */
static void qk_elu(const float *x, float *y, size_t count, float alpha) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0.0F ? alpha * expm1f(x[i]) : x[i];
}

/* kernel qk_selu */
static void qk_selu(const float *x, float *y, size_t count, float alpha, float gamma) {
  for (size_t i = 0; i < count; ++i) {
    y[i] = gamma * (x[i] > 0.0F ? x[i] : alpha * expm1f(x[i]));
  }
}

/* kernel qk_celu */
static void qk_celu(const float *x, float *y, size_t count, float alpha) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0.0F ? alpha * expm1f(x[i] / alpha) : x[i];
}

/* kernel qk_softened */
/* log(1 + exp(x)), without overflow. */
static float qk_softened(float x) { return (x > 0.0F ? x : 0.0F) + log1pf(expf(-fabsf(x))); }

/* kernel qk_softplus: needs qk_softened */
static void qk_softplus(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = qk_softened(x[i]);
}

/* kernel qk_mish: needs qk_softened */
static void qk_mish(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * tanhf(qk_softened(x[i]));
}

/* kernel qk_softsign */
static void qk_softsign(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] / (1.0F + fabsf(x[i]));
}

/* kernel qk_thresholded_relu */
static void qk_thresholded_relu(const float *x, float *y, size_t count, float alpha) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] > alpha ? x[i] : 0.0F;
}

/* kernel qk_shrink */
static void qk_shrink(const float *x, float *y, size_t count, float threshold, float bias) {
  for (size_t i = 0; i < count; ++i) {
    if (x[i] < -threshold) {
      y[i] = x[i] + bias;
    } else {
      y[i] = x[i] > threshold ? x[i] - bias : 0.0F;
    }
  }
}

/* kernel qk_erf */
static void qk_erf(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = erff(x[i]);
}

/* kernel qk_gelu */
static void qk_gelu(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = 0.5F * x[i] * (1.0F + erff(x[i] * 0.70710678F));
}

/* kernel qk_gelu_tanh */
static void qk_gelu_tanh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float inner = 0.79788456F * (x[i] + 0.044715F * x[i] * x[i] * x[i]);
    y[i] = 0.5F * x[i] * (1.0F + tanhf(inner));
  }
}

/* kernel qk_exp */
static void qk_exp(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = expf(x[i]);
}

/* kernel qk_log */
static void qk_log(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = logf(x[i]);
}

/* kernel qk_sqrt */
static void qk_sqrt(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = sqrtf(x[i]);
}

/* kernel qk_abs */
static void qk_abs(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = fabsf(x[i]);
}

/* kernel qk_neg */
static void qk_neg(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = -x[i];
}

/* kernel qk_scale */
static void qk_scale(const float *x, float *y, size_t count, float factor) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * factor;
}

/* kernel qk_reciprocal */
static void qk_reciprocal(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = 1.0F / x[i];
}

/* kernel qk_floor */
static void qk_floor(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = floorf(x[i]);
}

/* kernel qk_ceil */
static void qk_ceil(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = ceilf(x[i]);
}

/* kernel qk_round */
/* Halves go to the even neighbour, which is how C rounds unless told otherwise. */
static void qk_round(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = rintf(x[i]);
}

/* kernel qk_sign */
static void qk_sign(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = (float)((x[i] > 0.0F) - (x[i] < 0.0F));
}

/* kernel qk_sign_without_zero */
/* 1 for zeros and what is no number. */
static void qk_sign_without_zero(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] < 0.0F ? -1.0F : 1.0F;
}

/* kernel qk_sin */
static void qk_sin(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = sinf(x[i]);
}

/* kernel qk_cos */
static void qk_cos(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = cosf(x[i]);
}

/* kernel qk_tan */
static void qk_tan(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = tanf(x[i]);
}

/* kernel qk_atan */
static void qk_atan(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = atanf(x[i]);
}

/* kernel qk_sinh */
static void qk_sinh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = sinhf(x[i]);
}

/* kernel qk_cosh */
static void qk_cosh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = coshf(x[i]);
}

/* kernel qk_asin */
static void qk_asin(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = asinf(x[i]);
}

/* kernel qk_acos */
static void qk_acos(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = acosf(x[i]);
}

/* kernel qk_asinh */
static void qk_asinh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = asinhf(x[i]);
}

/* kernel qk_acosh */
static void qk_acosh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = acoshf(x[i]);
}

/* kernel qk_atanh */
static void qk_atanh(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = atanhf(x[i]);
}
