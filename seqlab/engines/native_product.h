// A product of tall factors with a matrix packed for it, tile by tile in registers.
//
// The columns of the matrix lie in panels as wide as a tile. A tile is the product of some rows with a panel, summed up
// in registers over the whole depth; whoever asked for it gets the sums while they are still in the nearest cache.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace {

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
// sums)`` gets sums [rows, gates, groups, W].
template <class Finish>
void multiply(const Panels& panels, Factor one, Factor other, Index num_rows, Finish finish) {
  alignas(64) float sums[MAX_ROWS * MAX_VECTORS * W];
  for (Index group = 0; group < panels.groups; group += panels.units) {
    const Index units = panels.units_at(group), vectors = panels.gates * units;
    const Index blocks = (num_rows + max_rows(vectors) - 1) / max_rows(vectors);
    for (Index block = 0; block < blocks; ++block) {
      const Index first = num_rows * block / blocks, count = num_rows * (block + 1) / blocks - first;
      TILES.of[vectors - 1][count - 1](from_row(one, first), from_row(other, first), panels.at(group), sums);
      finish(first, count, group, units, sums);
    }
  }
}

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

}  // namespace
