// The loops over time of seqlab's engine "native": see native.py for what they compute and who calls them.
//
// The rows of a batch know nothing of each other. So each thread takes its share of them through all steps of time,
// without a word to the others. A step is a product of the state with the recurrent kernel, tile by tile in registers,
// and what the cell makes of it while it is still in the nearest cache.
//
// All arrays are batch-major: [B, T, G * H] has the G gates of a step of a row side by side.

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using Index = std::int64_t;

// Vectors -----------------------------------------------------------------------------------------------------------

// Lanes of a vector, and vectors of sums that fit the registers beside the factors.
#if defined(__AVX512F__)
constexpr int W = 16, ROOM = 24;
#elif defined(__AVX__)
constexpr int W = 8, ROOM = 12;
#elif defined(__aarch64__)
constexpr int W = 4, ROOM = 24;
#else
constexpr int W = 4, ROOM = 12;
#endif
typedef float V __attribute__((vector_size(W * sizeof(float))));

constexpr Index MAX_VECTORS = 4;  // of a tile's columns
constexpr Index MAX_ROWS = 12;    // of a tile
constexpr Index max_rows(Index vectors) { return std::min<Index>(ROOM / vectors, MAX_ROWS); }
constexpr Index padded(Index size) { return (size + W - 1) / W * W; }

inline V load(const float* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// The first n lanes, and zeros.
inline V load(const float* from, Index n) {
  if (n == W) return load(from);
  V v{};
  std::memcpy(&v, from, n * sizeof(float));
  return v;
}

inline void store(float* to, V v) { std::memcpy(to, &v, sizeof v); }

inline void store(float* to, V v, Index n) {
  if (n == W) return store(to, v);
  std::memcpy(to, &v, n * sizeof(float));
}

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

// The product -------------------------------------------------------------------------------------------------------

// Rows [num_rows, depth] that lie ``stride`` apart.
struct Factor {
  const float* rows;
  Index stride, depth;
};

// sums[r] = sum_k rows[r][k] * panel[k] for R rows and N vectors of columns; the rows are those of ``one`` and then, in
// the depth, of ``other``. Every row is summed up in the same order, whatever R is, so that results do not depend on
// how rows are shared out.
template <int N, int R>
void tile(Factor one, Factor other, const float* panel, float* sums) {
  V acc[R][N] = {};
  for (const Factor& factor : {one, other}) {
    for (Index k = 0; k < factor.depth; ++k, panel += N * W) {
      V columns[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) columns[v] = load(panel + v * W);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const V value = V{} + factor.rows[r * factor.stride + k];
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) acc[r][v] += value * columns[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store(sums + (r * N + v) * W, acc[r][v]);
}

using Tile = void (*)(Factor, Factor, const float*, float*);

template <int N, int... R>
constexpr void fill(Tile* tiles, std::integer_sequence<int, R...>) {
  ((tiles[R] = tile<N, R + 1>), ...);
}

struct Tiles {
  Tile of[MAX_VECTORS][MAX_ROWS] = {};
  constexpr Tiles() {
    fill<1>(of[0], std::make_integer_sequence<int, max_rows(1)>{});
    fill<2>(of[1], std::make_integer_sequence<int, max_rows(2)>{});
    fill<3>(of[2], std::make_integer_sequence<int, max_rows(3)>{});
    fill<4>(of[3], std::make_integer_sequence<int, max_rows(4)>{});
  }
};
constexpr Tiles TILES;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Floats = std::unique_ptr<float[], Free>;

// Zeros, at the beginning of a line of the cache.
Floats floats(Index size) {
  const Index bytes = (std::max<Index>(size, 1) * sizeof(float) + 63) / 64 * 64;
  auto* memory = static_cast<float*>(std::aligned_alloc(64, bytes));
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, bytes);
  return Floats(memory);
}

// A matrix laid out as tiles read it: panels of some vectors of columns, each [depth, vectors * W].
struct Panels {
  Index depth, gates, units, groups;  // ``groups`` of W hidden units in all, ``units`` of them in a panel
  Floats data;

  Panels(Index depth, Index gates, Index hidden)
      : depth(depth),
        gates(gates),
        units(gates == 1 ? MAX_VECTORS : 1),
        groups(padded(hidden) / W),
        data(floats(depth * gates * padded(hidden))) {}

  Index units_at(Index group) const { return std::min(units, groups - group); }
  float* at(Index group) const { return data.get() + depth * gates * group * W; }
};

// Of kernels [D, G * H] and [H, G * H], one above the other: all gates of a unit in one panel, so that a step of the
// cell can follow the product at once.
Panels pack(const float* of_inputs, Index inputs, const float* of_hidden, Index hidden, Index gates) {
  Panels panels(inputs + hidden, gates, hidden);
  for (Index group = 0; group < panels.groups; group += panels.units) {
    float* to = panels.at(group);
    for (Index k = 0; k < inputs + hidden; ++k) {
      const float* row = k < inputs ? of_inputs + k * gates * hidden : of_hidden + (k - inputs) * gates * hidden;
      for (Index g = 0; g < gates; ++g)
        for (Index u = group; u < group + panels.units_at(group); ++u, to += W)
          store(to, load(row + g * hidden + u * W, std::min<Index>(W, hidden - u * W)));
    }
  }
  return panels;
}

// Of U's transpose, the gates in the depth, each padded.
Panels pack_transposed(const float* kernel, Index hidden, Index gates) {
  Panels panels(gates * padded(hidden), 1, hidden);
  for (Index group = 0; group < panels.groups; group += panels.units) {
    const Index width = panels.units_at(group) * W;
    const Index columns = std::min(width, hidden - group * W);
    for (Index g = 0; g < gates; ++g)
      for (Index first = 0; first < hidden; first += W)
        for (Index column = 0; column < columns; ++column) {
          const float* from = kernel + (group * W + column) * gates * hidden + g * hidden;
          float* to = panels.at(group) + g * padded(hidden) * width + column;
          for (Index k = first; k < std::min(first + W, hidden); ++k) to[k * width] = from[k];
        }
  }
  return panels;
}

Factor from_row(Factor factor, Index first) {
  return {factor.rows + first * factor.stride, factor.stride, factor.depth};
}

// Goes over the product of both factors with the panels, tile by tile; ``finish(first row, rows, first group, groups,
// sums)`` gets sums [rows, gates, groups, W], ``before`` the same without sums.
template <class Before, class Finish>
void multiply(const Panels& panels, Factor one, Factor other, Index num_rows, Before before, Finish finish) {
  alignas(64) float sums[MAX_ROWS * MAX_VECTORS * W];
  for (Index group = 0; group < panels.groups; group += panels.units) {
    const Index units = panels.units_at(group), vectors = panels.gates * units;
    const Index blocks = (num_rows + max_rows(vectors) - 1) / max_rows(vectors);
    for (Index block = 0; block < blocks; ++block) {
      const Index first = num_rows * block / blocks, count = num_rows * (block + 1) / blocks - first;
      before(first, count, group, units);
      TILES.of[vectors - 1][count - 1](from_row(one, first), from_row(other, first), panels.at(group), sums);
      finish(first, count, group, units, sums);
    }
  }
}

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

// Arrays of a pass of a share of the rows, each row padded to whole vectors. Rows lie a line of the cache further apart
// than they are long, as sets of the cache would be few for distances that are powers of two.
struct Rows {
  Index stride;
  Floats data;
  Rows(Index num_rows, Index width) : stride(width + 16), data(floats(num_rows * stride)) {}
  float* operator[](Index row) const { return data.get() + row * stride; }
  void swap(Rows& other) { std::swap(data, other.data); }
};

void copy(float* to, const float* from, Index size) { std::memcpy(to, from, size * sizeof(float)); }

struct Forward : Layer {
  const float *inputs, *x;                           // [B, T, D] to be projected here, or [B, T, G * H] that are; or null
  Index D;
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

// Where a step of a cell reads and writes: n hidden units of a row. Gates lie H apart in arrays of the call, and
// ``padded`` apart in those of a pass.
struct ForwardSite {
  const float *sums, *x, *bias;
  float *hidden, *next_hidden, *memory;    // of the pass
  float *outputs, *memories, *gates, *hidden_before;  // of the call, all but the first may be null
  Index n, H, sums_apart, bias_apart;
  bool exists;

  V sum(int gate) const { return load(sums + gate * sums_apart); }
  V input(int gate) const {
    const V b = load(bias + gate * bias_apart);
    return x == nullptr ? b : b + load(x + gate * H, n);
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
    const V product = at.sum(2) + load(at.bias + 3 * at.bias_apart);
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

// A pass of the rows from ``begin`` to ``end`` through all steps ------------------------------------------------------

template <class Cell>
void run_forward(const Forward& of, const Panels& panels, const float* bias, Index begin, Index end) {
  const Index H = of.H, num_rows = end - begin;
  Rows hidden(num_rows, padded(H)), next_hidden(num_rows, padded(H)), memory(num_rows, padded(H));
  for (Index r = 0; r < num_rows; ++r) {
    copy(hidden[r], of.first_hidden + (begin + r) * H, H);
    if (of.first_memory != nullptr) copy(memory[r], of.first_memory + (begin + r) * H, H);
  }
  for (Index step = 0; step < of.T; ++step) {
    const Index t = of.time(step);
    for (Index r = 0; r < num_rows; ++r) {
      const Index b = begin + r;
      if (of.restarts(b, t)) {
        copy(hidden[r], of.fresh_hidden + b * H, H);
        if (of.fresh_memory != nullptr) copy(memory[r], of.fresh_memory + b * H, H);
      }
    }
    // What the cell will read and write comes nearer while the tile is computed.
    auto before = [&](Index first, Index count, Index group, Index units) {
      const float* gates = of.x != nullptr ? of.x : of.gates;
      for (Index r = first; r < first + count; ++r)
        for (Index u = group; u < group + units; ++u) {
          const Index row = of.at(begin + r, t), here = row * H + u * W;
          __builtin_prefetch(of.outputs + here, 1);
          if (of.memory != nullptr) __builtin_prefetch(of.memory + here, 1);
          if (of.hidden_before != nullptr) __builtin_prefetch(of.hidden_before + here, 1);
          if (gates != nullptr)
            for (Index g = 0; g < Cell::G; ++g) __builtin_prefetch(gates + (row * Cell::G + g) * H + u * W, 1);
        }
    };
    auto finish = [&](Index first, Index count, Index group, Index units, const float* sums) {
      for (Index r = first; r < first + count; ++r)
        for (Index u = 0; u < units; ++u) {
          const Index j = (group + u) * W, row = of.at(begin + r, t), here = row * H + j;
          Cell::forward({
              .sums = sums + ((r - first) * Cell::G * units + u) * W,
              .x = of.x == nullptr ? nullptr : of.x + row * Cell::G * H + j,
              .bias = bias + j,
              .hidden = hidden[r] + j,
              .next_hidden = next_hidden[r] + j,
              .memory = memory[r] + j,
              .outputs = of.outputs + here,
              .memories = of.memory == nullptr ? nullptr : of.memory + here,
              .gates = of.gates == nullptr ? nullptr : of.gates + row * Cell::G * H + j,
              .hidden_before = of.hidden_before == nullptr ? nullptr : of.hidden_before + here,
              .n = std::min<Index>(W, H - j),
              .H = H,
              .sums_apart = units * W,
              .bias_apart = padded(H),
              .exists = of.exists(begin + r, t),
          });
        }
    };
    const Factor inputs{of.inputs + of.at(begin, t) * of.D, of.T * of.D, of.D};
    multiply(panels, inputs, {hidden[0], hidden.stride, H}, num_rows, before, finish);
    hidden.swap(next_hidden);
  }
  for (Index r = 0; r < num_rows; ++r) {
    copy(of.last_hidden + (begin + r) * H, hidden[r], H);
    if (of.last_memory != nullptr) copy(of.last_memory + (begin + r) * H, memory[r], H);
  }
}

void add(float* to, const float* from, Index size) {
  for (Index j = 0; j < size; ++j) to[j] += from[j];
}

template <class Cell>
void run_backward(const Backward& of, const Panels& panels, Index begin, Index end) {
  const Index H = of.H, num_rows = end - begin, apart = padded(H);
  const bool has_memory = of.first_memory != nullptr;
  Rows d_hidden(num_rows, apart), d_memory(num_rows, apart), d_gates(num_rows, Cell::G * apart);
  Rows d_bias(num_rows, Cell::M * apart);
  for (Index r = 0; r < num_rows; ++r) {
    const Index b = begin + r;
    copy(d_hidden[r], of.d_hidden + b * H, H);
    if (has_memory) copy(d_memory[r], of.d_memory + b * H, H);
    if (of.d_fresh_hidden != nullptr) std::memset(of.d_fresh_hidden + b * H, 0, H * sizeof(float));
    if (of.d_fresh_memory != nullptr) std::memset(of.d_fresh_memory + b * H, 0, H * sizeof(float));
  }
  // Rows come nearer before it is their turn: there are too many of them for the processor to see it coming.
  constexpr Index AHEAD = 2;
  auto fetch = [&](Index r, Index step) {
    const Index row = of.at(begin + r, of.time(step));
    for (Index j = 0; j < Cell::G * H; j += 16) __builtin_prefetch(of.gates + row * Cell::G * H + j, 1);
    for (Index j = 0; j < H; j += 16) {
      __builtin_prefetch(of.d_outputs + row * H + j);
      if (of.hidden_before != nullptr && !has_memory) __builtin_prefetch(of.hidden_before + row * H + j);
      if (of.memory == nullptr) continue;
      // The LSTM reads the memory before a step and, as that of the step before, has read the one after it.
      const Index of_memory = has_memory && step > 0 ? of.at(begin + r, of.time(step - 1)) : row;
      __builtin_prefetch(of.memory + of_memory * H + j);
    }
  };
  for (Index step = of.T - 1; step >= 0; --step) {
    const Index t = of.time(step);
    for (Index r = 0; r < num_rows; ++r) {
      const Index b = begin + r, row = of.at(b, t);
      if (r + AHEAD < num_rows)
        fetch(r + AHEAD, step);
      else if (step > 0)
        fetch((r + AHEAD) % num_rows, step - 1);
      if (of.d_memories != nullptr) add(d_memory[r], of.d_memories + row * H, H);
      if (!of.exists(b, t)) {
        add(d_hidden[r], of.d_outputs + row * H, H);
        std::memset(d_gates[r], 0, Cell::G * apart * sizeof(float));
        std::memset(of.d_x + row * Cell::G * H, 0, Cell::G * H * sizeof(float));
        if (of.d_recurrent != nullptr) std::memset(of.d_recurrent + row * Cell::G * H, 0, Cell::G * H * sizeof(float));
        continue;
      }
      const float* memory_before = nullptr;
      if (has_memory)
        memory_before = of.restarts(b, t) ? of.fresh_memory + b * H
                        : step == 0       ? of.first_memory + b * H
                                          : of.memory + of.at(b, of.time(step - 1)) * H;
      for (Index j = 0; j < H; j += W) {
        const Index here = row * H + j, gates_here = row * Cell::G * H + j;
        Cell::backward({
            .gates = of.gates + gates_here,
            .memory = of.memory + here,
            .memory_before = memory_before + j,
            .hidden_before = of.hidden_before + here,
            .d_outputs = of.d_outputs + here,
            .d_hidden = d_hidden[r] + j,
            .d_memory = d_memory[r] + j,
            .d_gates = d_gates[r] + j,
            .d_bias = d_bias[r] + j,
            .d_x = of.d_x + gates_here,
            .d_recurrent = of.d_recurrent == nullptr ? nullptr : of.d_recurrent + gates_here,
            .n = std::min<Index>(W, H - j),
            .H = H,
            .apart = apart,
        });
      }
    }
    auto before = [](Index, Index, Index, Index) {};
    auto finish = [&](Index first, Index count, Index group, Index units, const float* sums) {
      for (Index r = first; r < first + count; ++r)
        for (Index u = 0; u < units; ++u, sums += W) {
          float* d = d_hidden[r] + (group + u) * W;
          store(d, load(d) + load(sums));
        }
    };
    multiply(panels, {}, {d_gates[0], d_gates.stride, panels.depth}, num_rows, before, finish);
    for (Index r = 0; r < num_rows; ++r) {
      const Index b = begin + r;
      if (!of.restarts(b, t)) continue;
      add(of.d_fresh_hidden + b * H, d_hidden[r], H);
      std::memset(d_hidden[r], 0, apart * sizeof(float));
      if (!has_memory) continue;
      add(of.d_fresh_memory + b * H, d_memory[r], H);
      std::memset(d_memory[r], 0, apart * sizeof(float));
    }
  }
  for (Index r = 0; r < num_rows; ++r) {
    const Index b = begin + r;
    copy(of.d_first_hidden + b * H, d_hidden[r], H);
    if (has_memory) copy(of.d_first_memory + b * H, d_memory[r], H);
    for (Index m = 0; m < Cell::M; ++m) copy(of.d_bias + (b * Cell::M + m) * H, d_bias[r] + m * apart, H);
  }
}

// Threads -----------------------------------------------------------------------------------------------------------

// Numbers too small for float's usual form are zero, as in XLA's own threads: they make some processors slow.
class FlushDenormals {
#if defined(__SSE2__)
 public:
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#endif
};

// Shares that whoever is free takes: if no other thread comes, the caller does them all, so nothing ever waits in vain.
class Shares {
 public:
  Shares(Index count, std::function<void(Index)> run) : count_(count), run_(std::move(run)) {}

  void take() {
    for (Index share; (share = next_.fetch_add(1)) < count_;) {
      const FlushDenormals flush;
      run_(share);
      if (done_.fetch_add(1) + 1 == count_) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_done_.notify_all();
      }
    }
  }

  void wait() {
    for (int turn = 0; turn < 10000 && done_ < count_; ++turn) {
#if defined(__SSE2__)
      _mm_pause();
#endif
    }
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, [&] { return done_ == count_; });
  }

 private:
  const Index count_;
  const std::function<void(Index)> run_;
  std::atomic<Index> next_{0}, done_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
};

// Products of fewer numbers than these are not worth another thread.
constexpr Index SMALL = 1 << 18;

void share_rows(ffi::ThreadPool& pool, Index threads, const Layer& of, Index gates,
                const std::function<void(Index, Index)>& run) {
  const Index work = of.B * of.T * of.H * of.H * gates;
  if (threads == 0) threads = work < SMALL ? 1 : pool.num_threads();
  const Index count = std::max<Index>(1, std::min(threads, of.B));
  auto shares = std::make_shared<Shares>(
      count, [&run, &of, count](Index share) { run(of.B * share / count, of.B * (share + 1) / count); });
  for (Index share = 1; share < count; ++share) pool.Schedule([shares] { shares->take(); });
  shares->take();
  shares->wait();
}

// Calls -------------------------------------------------------------------------------------------------------------

using Array = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;

template <class Buffer>
auto* data(Buffer& buffer) {
  return buffer.element_count() == 0 ? nullptr : buffer.typed_data();
}
float* data(ffi::Result<Array>& buffer) { return data(*buffer); }

template <class Cell>
void forward_of(ffi::ThreadPool& pool, Index threads, const Forward& of, const float* input_kernel,
                const float* kernel) {
  const Panels panels = pack(input_kernel, of.D, kernel, of.H, Cell::G);
  const Floats bias = floats(Cell::M * padded(of.H));
  for (Index m = 0; m < Cell::M; ++m) copy(bias.get() + m * padded(of.H), of.bias + m * of.H, of.H);
  share_rows(pool, threads, of, Cell::G,
             [&](Index begin, Index end) { run_forward<Cell>(of, panels, bias.get(), begin, end); });
}

template <class Cell>
void backward_of(ffi::ThreadPool& pool, Index threads, const Backward& of, const float* kernel) {
  const Panels panels = pack_transposed(kernel, of.H, Cell::G);
  share_rows(pool, threads, of, Cell::G,
             [&](Index begin, Index end) { run_backward<Cell>(of, panels, begin, end); });
}

Layer layer(const Array& x, const Array& hidden, bool reverse, Flags& mask, Flags& resets, Array& first_memory,
            Array& fresh_hidden, Array& fresh_memory) {
  return {x.dimensions()[0],  x.dimensions()[1],  hidden.dimensions()[1], reverse,           data(mask),
          data(resets),       data(first_memory), data(fresh_hidden),     data(fresh_memory)};
}

ffi::Error unknown(std::string_view cell) {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, "no loop for the cell " + std::string(cell));
}

ffi::Error forward(ffi::ThreadPool pool, std::string_view cell, bool reverse, Index threads, Array inputs, Array x,
                   Array input_kernel, Array kernel, Array bias, Array first_hidden, Array first_memory, Array fresh_hidden, Array fresh_memory,
                   Flags mask, Flags resets, ffi::Result<Array> outputs, ffi::Result<Array> last_hidden,
                   ffi::Result<Array> last_memory, ffi::Result<Array> memory, ffi::Result<Array> gates,
                   ffi::Result<Array> hidden_before) {
  const Forward of{layer(x.element_count() == 0 ? inputs : x, first_hidden, reverse, mask, resets, first_memory, fresh_hidden, fresh_memory),
                   data(inputs), data(x), data(inputs) == nullptr ? 0 : inputs.dimensions()[2], data(bias), data(first_hidden), data(outputs), data(last_hidden), data(last_memory),
                   data(memory), data(gates), data(hidden_before)};
  if (cell == "vanilla") forward_of<Vanilla>(pool, threads, of, data(input_kernel), data(kernel));
  else if (cell == "gru") forward_of<Gru>(pool, threads, of, data(input_kernel), data(kernel));
  else if (cell == "lstm") forward_of<Lstm>(pool, threads, of, data(input_kernel), data(kernel));
  else return unknown(cell);
  return ffi::Error::Success();
}

ffi::Error backward(ffi::ThreadPool pool, std::string_view cell, bool reverse, Index threads, Array gates,
                    Array kernel, Array memory, Array hidden_before, Array first_memory, Array fresh_hidden,
                    Array fresh_memory, Flags mask, Flags resets, Array d_outputs, Array d_hidden, Array d_memory,
                    Array d_memories, ffi::Result<Array> d_x, ffi::Result<Array> d_recurrent,
                    ffi::Result<Array> d_bias, ffi::Result<Array> d_first_hidden, ffi::Result<Array> d_first_memory,
                    ffi::Result<Array> d_fresh_hidden, ffi::Result<Array> d_fresh_memory) {
  const Backward of{layer(gates, d_hidden, reverse, mask, resets, first_memory, fresh_hidden, fresh_memory),
                    data(gates), data(memory), data(hidden_before), data(d_outputs), data(d_hidden), data(d_memory),
                    data(d_memories), data(d_x), data(d_recurrent), data(d_bias), data(d_first_hidden),
                    data(d_first_memory), data(d_fresh_hidden), data(d_fresh_memory)};
  if (cell == "vanilla") backward_of<Vanilla>(pool, threads, of, data(kernel));
  else if (cell == "gru") backward_of<Gru>(pool, threads, of, data(kernel));
  else if (cell == "lstm") backward_of<Lstm>(pool, threads, of, data(kernel));
  else return unknown(cell);
  return ffi::Error::Success();
}

auto Bind() {
  return ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Attr<std::string_view>("cell").Attr<bool>("reverse").Attr<Index>(
      "threads");
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(seqlab_forward, forward,
                              Bind().Arg<Array>().Arg<Array>()
                                  .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
                                  .Arg<Array>().Arg<Flags>().Arg<Flags>()
                                  .Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(seqlab_backward, backward,
                              Bind()
                                  .Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>().Arg<Array>()
                                  .Arg<Array>().Arg<Flags>().Arg<Flags>().Arg<Array>().Arg<Array>().Arg<Array>()
                                  .Arg<Array>()
                                  .Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>().Ret<Array>()
                                  .Ret<Array>());
