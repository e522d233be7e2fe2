// What a step of each cell computes of the sums of products, forward and backward, for W hidden units of a row.

#pragma once

#include "native_product.h"

namespace {

// A quotient of polynomials, as in Eigen and XLA; off by 2.5e-7 at most, and nan where x is.
inline V tanh(V x) {
  const V most = V{} + 7.99881172180175781f;
  x = x > most ? most : x;
  x = x < -most ? -most : x;
  const V y = x * x;
  V p = y * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = p * y + -8.60467152213735e-11f;
  p = p * y + 5.12229709037114e-08f;
  p = p * y + 1.48572235717979e-05f;
  p = p * y + 6.37261928875436e-04f;
  p = p * y + 4.89352455891786e-03f;
  V q = y * 1.19825839466702e-06f + 1.18534705686654e-04f;
  q = q * y + 2.26843463243900e-03f;
  q = q * y + 4.89352518554385e-03f;
  return x * p / q;
}

inline V sigmoid(V x) { return tanh(x * 0.5f) * 0.5f + 0.5f; }

// Both passes -------------------------------------------------------------------------------------------------------

// What both passes read; an array that is not there is null.
struct Layer {
  Index B, T, H;
  bool reverse;
  const bool *mask, *resets;  // [T, B]
  const float *first_memory, *fresh_hidden, *fresh_memory;  // [B, H]

  Index time(Index step) const { return reverse ? T - 1 - step : step; }
  bool exists(Index b, Index t) const { return mask == nullptr || mask[t * B + b]; }
  bool restarts(Index b, Index t) const { return resets != nullptr && resets[t * B + b] && exists(b, t); }
  Index at(Index b, Index t) const { return b * T + t; }
};

struct Forward : Layer {
  const float *inputs, *x;                           // [B, T, D] to be projected, or [B, T, G * H] that are; or null
  Index D;
  const float* few_kernel;                           // [D, G * H] where each site projects its inputs itself, or null
  const float *bias, *first_hidden;                  // [M, H], [B, H]
  float *outputs, *last_hidden, *last_memory;        // [B, T, H], [B, H], [B, H]
  float *memory, *gates, *hidden_before;             // [B, T, H], [B, T, G * H], [B, T, H], or null
};

struct Backward : Layer {
  const float *gates, *memory, *hidden_before;                  // what ``Forward`` kept
  const float *d_outputs, *d_hidden, *d_memory, *d_memories;    // [B, T, H], [B, H], [B, H], [B, T, H] or null
  float *d_x, *d_recurrent, *d_bias;                            // [B, T, G * H] twice, [B, M, H]
  float *d_first_hidden, *d_first_memory, *d_fresh_hidden, *d_fresh_memory;  // [B, H]
};

// Few inputs of a row, and their kernel from a unit's column on, whose rows lie ``row`` apart.
struct Few {
  const float *inputs, *kernel;
  Index size, row;
};

// Where a step of a cell reads and writes: n hidden units of a row. Gates lie H apart in arrays of the call, and
// ``padded`` apart in those of a pass.
struct ForwardSite {
  const float *sums, *x, *bias;
  Few few;                                 // inputs that this site projects itself
  float *hidden, *next_hidden, *memory;    // of the pass
  float *outputs, *memories, *gates, *hidden_before;  // of the call, all but the first may be null
  Index n, H, sums_apart;
  bool exists;

  V sum(int gate) const { return load(sums + gate * sums_apart); }
  V input(int gate) const {
    V sum = load(bias + gate * H, n);
    if (x != nullptr) sum += load(x + gate * H, n);
    for (Index k = 0; k < few.size; ++k) sum += few.inputs[k] * load(few.kernel + k * few.row + gate * H, n);
    return sum;
  }
  void keep(int gate, V value) const {
    if (gates != nullptr) store(gates + gate * H, value, n);
  }
  void finish(V h) const {
    const V before = load(hidden);
    if (hidden_before != nullptr) store(hidden_before, before, n);
    if (!exists) h = before;
    store(next_hidden, h);
    store(outputs, h, n);
  }
};

struct BackwardSite {
  const float *gates, *memory, *memory_before, *hidden_before;  // of the call
  const float *d_outputs, *d_memories;                          // of the call, the last may be null
  float *d_hidden, *d_memory, *d_gates, *d_bias;                // of the pass
  float *d_x, *d_recurrent;                                     // of the call, the last may be null
  Index n, H, apart;
  bool exists;

  V gate(int number) const { return load(gates + number * H, n); }
  V d_output() const { return load(d_hidden) + load(d_outputs, n); }
  // Hands out the gradient by the input of a gate, and by its recurrent product where that is another.
  void give(int number, V d, V d_product) const {
    store(d_x + number * H, d, n);
    if (d_recurrent != nullptr) store(d_recurrent + number * H, d_product, n);
    store(d_gates + number * apart, d_product);
    add_bias(number, d);
  }
  void add_bias(int number, V d) const { store(d_bias + number * apart, load(d_bias + number * apart) + d); }
};

// Cells: number of gates and of biases, and a step of each pass. After ``backward``, ``d_hidden`` holds what reaches
// the state before by other ways than the product.

struct Vanilla {
  static constexpr Index G = 1, M = 1;

  static void forward(const ForwardSite& at) {
    const V h = tanh(at.sum(0) + at.input(0));
    at.keep(0, h);
    at.finish(h);
  }

  static void backward(const BackwardSite& at) {
    const V d = at.d_output(), h = at.gate(0);
    const V d_sum = d * (1 - h * h);
    at.give(0, d_sum, d_sum);
    store(at.d_hidden, V{});
  }
};

struct Gru {
  static constexpr Index G = 3, M = 4;

  static void forward(const ForwardSite& at) {
    const V r = sigmoid(at.sum(0) + at.input(0)), z = sigmoid(at.sum(1) + at.input(1));
    const V product = at.sum(2) + load(at.bias + 3 * at.H, at.n);
    const V n = tanh(at.input(2) + r * product);
    at.keep(0, r);
    at.keep(1, z);
    at.keep(2, n);
    if (at.memories != nullptr) store(at.memories, product, at.n);
    at.finish((1 - z) * n + z * load(at.hidden));
  }

  static void backward(const BackwardSite& at) {
    const V d = at.d_output(), r = at.gate(0), z = at.gate(1), n = at.gate(2);
    const V d_n = d * (1 - z) * (1 - n * n);
    const V d_r = d_n * load(at.memory, at.n) * r * (1 - r);
    const V d_z = d * (load(at.hidden_before, at.n) - n) * z * (1 - z);
    at.give(0, d_r, d_r);
    at.give(1, d_z, d_z);
    at.give(2, d_n, d_n * r);
    at.add_bias(3, d_n * r);
    store(at.d_hidden, d * z);
  }
};

struct Lstm {
  static constexpr Index G = 4, M = 4;

  static void forward(const ForwardSite& at) {
    const V i = sigmoid(at.sum(0) + at.input(0)), f = sigmoid(at.sum(1) + at.input(1));
    const V g = tanh(at.sum(2) + at.input(2)), o = sigmoid(at.sum(3) + at.input(3));
    const V before = load(at.memory);
    V c = f * before + i * g;
    const V h = o * tanh(c);
    at.keep(0, i);
    at.keep(1, f);
    at.keep(2, g);
    at.keep(3, o);
    if (!at.exists) c = before;
    store(at.memory, c);
    if (at.memories != nullptr) store(at.memories, c, at.n);
    at.finish(h);
  }

  static void backward(const BackwardSite& at) {
    const V i = at.gate(0), f = at.gate(1), g = at.gate(2), o = at.gate(3);
    const V before = load(at.memory_before, at.n);
    const V c = tanh(load(at.memory, at.n));
    const V d_h = at.d_output();
    const V d_c = load(at.d_memory) + d_h * o * (1 - c * c);
    const V d_i = d_c * g * i * (1 - i), d_f = d_c * before * f * (1 - f);
    const V d_g = d_c * i * (1 - g * g), d_o = d_h * c * o * (1 - o);
    at.give(0, d_i, d_i);
    at.give(1, d_f, d_f);
    at.give(2, d_g, d_g);
    at.give(3, d_o, d_o);
    store(at.d_memory, d_c * f);
    store(at.d_hidden, V{});
  }
};

}  // namespace
