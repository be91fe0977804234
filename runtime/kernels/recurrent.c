/* Recurrent layers. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_activation */
enum qk_activation { QK_SIGMOID, QK_TANH, QK_RELU };

/* kernel qk_activate: needs qk_activation, qk_logistic */
static float qk_activate(int32_t function, float x) {
  if (function == QK_SIGMOID) return qk_logistic(x);
  if (function == QK_TANH) return tanhf(x);
  return x < 0.0F ? 0.0F : x;
}

/* kernel qk_recurrence: needs qk_products */
/* What a step of one direction and sample knows. */
struct qk_recurrence {
  qk_products state;     /* from the state to the gates; the group is the direction */
  qk_products candidate; /* of a GRU: from the state to what it may become */
  void *state_scratch;
  void *candidate_scratch;
  size_t direction;
  size_t hidden;
  const int32_t *functions; /* activations of the direction */
  const float *peepholes;   /* of the direction, or NULL */
  int reset_after;          /* of a GRU */
  const float *sums;        /* the gates' part of the input */
  float *more;              /* memory for that of the state */
  float *h;                 /* the state */
  float *c;                 /* the cells of an LSTM; memory for others */
};

/* kernel qk_cell: needs qk_recurrence */
typedef void qk_cell(const struct qk_recurrence *step);

/* kernel qk_rnn_cell: needs qk_cell, qk_activate */
static void qk_rnn_cell(const struct qk_recurrence *step) {
  step->state(step->direction, step->h, 1, step->more, 1, step->state_scratch);
  for (size_t i = 0; i < step->hidden; ++i) {
    step->h[i] = qk_activate(step->functions[0], step->sums[i] + step->more[i]);
  }
}

/* kernel qk_gru_cell: needs qk_cell, qk_activate */
/* Gates: update, reset, hidden. */
static void qk_gru_cell(const struct qk_recurrence *step) {
  const size_t n = step->hidden;
  float *more = step->more;
  float *candidate = more + 2 * n;
  step->state(step->direction, step->h, 1, more, 1, step->state_scratch);
  for (size_t i = 0; i < 2 * n; ++i) {
    more[i] = qk_activate(step->functions[0], step->sums[i] + more[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    step->c[i] = step->reset_after ? step->h[i] : more[n + i] * step->h[i];
  }
  step->candidate(step->direction, step->c, 1, candidate, 1, step->candidate_scratch);
  for (size_t i = 0; i < n; ++i) {
    const float recurrent = step->reset_after ? more[n + i] * candidate[i] : candidate[i];
    const float hidden = qk_activate(step->functions[1], step->sums[2 * n + i] + recurrent);
    step->h[i] = (1.0F - more[i]) * hidden + more[i] * step->h[i];
  }
}

/* kernel qk_lstm_cell: needs qk_cell, qk_activate */
/* Gates: input, output, forget, cell. */
static void qk_lstm_cell(const struct qk_recurrence *step) {
  const size_t n = step->hidden;
  const float *peepholes = step->peepholes;
  float *more = step->more;
  step->state(step->direction, step->h, 1, more, 1, step->state_scratch);
  for (size_t i = 0; i < 4 * n; ++i) more[i] += step->sums[i];
  for (size_t i = 0; i < n; ++i) {
    const float before = step->c[i];
    const float in = more[i] + (peepholes != NULL ? peepholes[i] * before : 0.0F);
    const float forget =
        more[2 * n + i] + (peepholes != NULL ? peepholes[2 * n + i] * before : 0.0F);
    const float cell =
        qk_activate(step->functions[0], forget) * before +
        qk_activate(step->functions[0], in) * qk_activate(step->functions[1], more[3 * n + i]);
    const float out = more[n + i] + (peepholes != NULL ? peepholes[n + i] * cell : 0.0F);
    step->c[i] = cell;
    step->h[i] = qk_activate(step->functions[0], out) * qk_activate(step->functions[2], cell);
  }
}

/* kernel qk_start */
/* The state before the first step: `initial`, or 0 where that is NULL. */
static void qk_start(float *state, const float *initial, size_t count) {
  for (size_t i = 0; i < count; ++i) state[i] = initial != NULL ? initial[i] : 0.0F;
}

/* kernel qk_recurrent: needs qk_cell, qk_start */
/* x: steps x batch x input elements; y: steps x directions x batch x hidden; h0, c0 and the last
   states: directions x batch x hidden; or all with the batch first. Those not wanted or not there
   are NULL. `sizes`: steps, batch, input, hidden, directions, gates, whether the first direction
   goes backward, as the second always does, whether the batch is first, and reset_after of a GRU.
   `functions`: three activations for each direction. `lengths`: of the samples' sequences, whose
   outputs are 0 after their ends, or NULL. `memory`: (2 gates + 2) x hidden floats. */
static void qk_recurrent(qk_cell *cell, qk_products input, void *input_scratch, qk_products state,
                         void *state_scratch, qk_products candidate, void *candidate_scratch,
                         const int32_t *sizes, const int32_t *functions, const float *peepholes,
                         const float *x, const int32_t *lengths, const float *h0, const float *c0,
                         float *y, float *last_h, float *last_c, void *memory) {
  const size_t steps = (size_t)sizes[0];
  const size_t batch = (size_t)sizes[1];
  const size_t columns = (size_t)sizes[2];
  const size_t n = (size_t)sizes[3];
  const size_t directions = (size_t)sizes[4];
  const size_t gates = (size_t)sizes[5];
  float *sums = (float *)memory;
  struct qk_recurrence step;
  step.state = state;
  step.candidate = candidate;
  step.state_scratch = state_scratch;
  step.candidate_scratch = candidate_scratch;
  step.hidden = n;
  step.reset_after = sizes[8] != 0;
  step.sums = sums;
  step.more = sums + gates * n;
  step.h = step.more + gates * n;
  step.c = step.h + n;
  for (size_t d = 0; d < directions; ++d) {
    const int backward = d == 1 || sizes[6] != 0;
    step.direction = d;
    step.functions = functions + 3 * d;
    step.peepholes = peepholes != NULL ? peepholes + 3 * n * d : NULL;
    for (size_t b = 0; b < batch; ++b) {
      const size_t at = (sizes[7] != 0 ? b * directions + d : d * batch + b) * n;
      size_t length = steps;
      if (lengths != NULL) length = lengths[b] < 0 ? 0 : (size_t)lengths[b];
      if (length > steps) length = steps;
      qk_start(step.h, h0 != NULL ? h0 + at : NULL, n);
      qk_start(step.c, c0 != NULL ? c0 + at : NULL, n);
      for (size_t i = 0; i < steps; ++i) {
        const size_t t = backward && i < length ? length - 1 - i : i;
        const size_t from = sizes[7] != 0 ? b * steps + t : t * batch + b;
        const size_t to =
            sizes[7] != 0 ? (b * steps + t) * directions + d : (t * directions + d) * batch + b;
        if (i < length) {
          input(d, x + from * columns, 1, sums, 1, input_scratch);
          cell(&step);
        }
        for (size_t k = 0; y != NULL && k < n; ++k) y[to * n + k] = i < length ? step.h[k] : 0.0F;
      }
      if (last_h != NULL) memcpy(last_h + at, step.h, n * sizeof(float));
      if (last_c != NULL) memcpy(last_c + at, step.c, n * sizeof(float));
    }
  }
}
