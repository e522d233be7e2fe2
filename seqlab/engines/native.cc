// The loops over time of seqlab's engine "native": see native.py for what they compute and who calls them.
//
// The rows of a batch know nothing of each other. So each thread takes its share of them through all steps of time,
// without a word to the others. A step is a product of the state with the recurrent kernel, tile by tile in registers
// (native_product.h), and what the cell makes of it while it is still in the nearest cache (native_cells.h).
//
// All arrays are batch-major: [B, T, G * H] has the G gates of a step of a row side by side.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "native_cells.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;

// A pass of the rows from ``begin`` to ``end`` through all steps ------------------------------------------------------

template <class Cell>
void run_forward(const Forward& of, const Panels& panels, Index begin, Index end) {
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
    auto finish = [&](Index first, Index count, Index group, Index units, const float* sums) {
      for (Index r = first; r < first + count; ++r)
        for (Index u = 0; u < units; ++u) {
          const Index j = (group + u) * W, row = of.at(begin + r, t), here = row * H + j;
          Cell::forward({
              .sums = sums + ((r - first) * Cell::G * units + u) * W,
              .x = of.x == nullptr ? nullptr : of.x + row * Cell::G * H + j,
              .bias = of.bias + j,
              .few = {of.inputs + of.at(begin + r, t) * of.D, of.few_kernel + j, of.few_kernel ? of.D : 0, Cell::G * H},
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
              .exists = of.exists(begin + r, t),
          });
        }
    };
    const Factor inputs{of.inputs + of.at(begin, t) * of.D, of.T * of.D, of.few_kernel == nullptr ? of.D : 0};
    multiply(panels, inputs, {hidden[0], hidden.stride, H}, num_rows, finish);
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
    auto finish = [&](Index first, Index count, Index group, Index units, const float* sums) {
      for (Index r = first; r < first + count; ++r)
        for (Index u = 0; u < units; ++u, sums += W) {
          float* d = d_hidden[r] + (group + u) * W;
          store(d, load(d) + load(sums));
        }
    };
    multiply(panels, {}, {d_gates[0], d_gates.stride, panels.depth}, num_rows, finish);
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
      const std::lock_guard lock(mutex_);
      if (++done_ == count_) all_done_.notify_one();
    }
  }

  void wait() {
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return done_ == count_; });
  }

 private:
  const Index count_;
  const std::function<void(Index)> run_;
  std::atomic<Index> next_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
  Index done_ = 0;
};

// Products of fewer numbers than these are not worth another thread.
constexpr Index SMALL = 1 << 18;

// Runs the rows of M members of a population, each of which has a kernel of its own; a layer alone is M = 1. Where there
// are threads enough for it, the rows of a member are shared out too. ``pack(m)`` makes the panels of a member, and
// ``run(m, panels, begin, end)`` takes rows of it through all steps.
template <class Pack, class Run>
void share(ffi::ThreadPool& pool, Index threads, const Layer& of, Index M, Index gates, Pack pack, Run run) {
  const Index work = M * of.B * of.T * of.H * of.H * gates;
  if (threads == 0) threads = work < SMALL ? 1 : pool.num_threads();
  const Index cuts = std::max<Index>(1, std::min((threads + M - 1) / M, of.B)), count = M * cuts;
  std::vector<Panels> panels;
  for (Index m = 0; cuts > 1 && m < M; ++m) panels.push_back(pack(m));
  auto shares = std::make_shared<Shares>(count, [&, cuts](Index share) {
    const Index m = share / cuts, cut = share % cuts;
    if (cuts == 1) return run(m, pack(m), 0, of.B);
    run(m, panels[m], of.B * cut / cuts, of.B * (cut + 1) / cuts);
  });
  for (Index worker = 1; worker < std::min(threads, count); ++worker) pool.Schedule([shares] { shares->take(); });
  shares->take();
  shares->wait();
}

// Calls -------------------------------------------------------------------------------------------------------------

using Array = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;

// One of M members stacked in every array; ``vmap`` puts axes for them before all others.
struct Of {
  Index M, m;

  template <class Buffer>
  auto* operator()(Buffer& buffer) const {
    return buffer.element_count() == 0 ? nullptr : buffer.typed_data() + buffer.element_count() / M * m;
  }
  float* operator()(ffi::Result<Array>& buffer) const { return (*this)(*buffer); }
};

// The size of an axis, counted from the last one.
Index axis(const Array& array, Index from_end) {
  const auto sizes = array.dimensions();
  return sizes[sizes.size() - from_end];
}

// The number of members, of kernels [..., F, G].
Index members(const Array& kernel) { return kernel.element_count() / (axis(kernel, 1) * axis(kernel, 2)); }

Layer layer(Of of, const Array& x, const Array& hidden, bool reverse, Flags& mask, Flags& resets, Array& first_memory,
            Array& fresh_hidden, Array& fresh_memory) {
  return {axis(x, 3), axis(x, 2),       axis(hidden, 1),  reverse,         of(mask),
          of(resets), of(first_memory), of(fresh_hidden), of(fresh_memory)};
}

template <class Run>
ffi::Error with_cell(std::string_view name, Run run) {
  if (name == "vanilla") run(Vanilla{});
  else if (name == "gru") run(Gru{});
  else if (name == "lstm") run(Lstm{});
  else return ffi::Error(ffi::ErrorCode::kInvalidArgument, "no loop for the cell " + std::string(name));
  return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool pool, std::string_view cell, bool reverse, Index threads, Array inputs, Array x,
                   Array input_kernel, Array kernel, Array bias, Array first_hidden, Array first_memory,
                   Array fresh_hidden, Array fresh_memory, Flags mask, Flags resets, ffi::Result<Array> outputs,
                   ffi::Result<Array> last_hidden, ffi::Result<Array> last_memory, ffi::Result<Array> memory,
                   ffi::Result<Array> gates, ffi::Result<Array> hidden_before) {
  const bool projects = inputs.element_count() > 0;
  const bool few = projects && cell == "gru";
  const Index M = members(kernel);
  auto member = [&](Index m) {
    const Of of{M, m};
    return Forward{layer(of, projects ? inputs : x, first_hidden, reverse, mask, resets, first_memory, fresh_hidden,
                         fresh_memory),
                   of(inputs), of(x), projects ? axis(inputs, 1) : 0, few ? of(input_kernel) : nullptr, of(bias), of(first_hidden), of(outputs),
                   of(last_hidden), of(last_memory), of(memory), of(gates), of(hidden_before)};
  };
  const Forward first = member(0);
  return with_cell(cell, [&]<class Cell>(Cell) {
    auto pack_member = [&](Index m) {
      return pack(Of{M, m}(input_kernel), few ? 0 : first.D, Of{M, m}(kernel), first.H, Cell::G);
    };
    share(pool, threads, first, M, Cell::G, pack_member,
          [&](Index m, const Panels& panels, Index begin, Index end) { run_forward<Cell>(member(m), panels, begin, end); });
  });
}

ffi::Error backward(ffi::ThreadPool pool, std::string_view cell, bool reverse, Index threads, Array gates,
                    Array kernel, Array memory, Array hidden_before, Array first_memory, Array fresh_hidden,
                    Array fresh_memory, Flags mask, Flags resets, Array d_outputs, Array d_hidden, Array d_memory,
                    Array d_memories, ffi::Result<Array> d_x, ffi::Result<Array> d_recurrent,
                    ffi::Result<Array> d_bias, ffi::Result<Array> d_first_hidden, ffi::Result<Array> d_first_memory,
                    ffi::Result<Array> d_fresh_hidden, ffi::Result<Array> d_fresh_memory) {
  const Index M = members(kernel);
  auto member = [&](Index m) {
    const Of of{M, m};
    return Backward{layer(of, gates, d_hidden, reverse, mask, resets, first_memory, fresh_hidden, fresh_memory),
                    of(gates), of(memory), of(hidden_before), of(d_outputs), of(d_hidden), of(d_memory),
                    of(d_memories), of(d_x), of(d_recurrent), of(d_bias), of(d_first_hidden), of(d_first_memory),
                    of(d_fresh_hidden), of(d_fresh_memory)};
  };
  const Backward first = member(0);
  return with_cell(cell, [&]<class Cell>(Cell) {
    auto pack_member = [&](Index m) { return pack_transposed(Of{M, m}(kernel), first.H, Cell::G); };
    share(pool, threads, first, M, Cell::G, pack_member, [&](Index m, const Panels& panels, Index begin, Index end) {
      run_backward<Cell>(member(m), panels, begin, end);
    });
  });
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
