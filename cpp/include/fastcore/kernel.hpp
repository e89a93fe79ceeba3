// One static table per indicator type: what it is, and how to make, step, run, save and load a state
// of it without knowing the type. Engine, binding and tools work on these tables alone; the same
// template writes all of them, so an indicator costs no code but its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "fastcore/archive.hpp"
#include "fastcore/column_kernel.hpp"
#include "fastcore/node.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

inline constexpr std::size_t max_inputs = 8;
inline constexpr std::size_t max_outputs = 8;
inline constexpr std::size_t max_params = 8;

/// A parameter as tools see it: whole numbers are carried in doubles, which hold them exactly.
struct ParamInfo {
  const char* name;
  bool whole;
  double least;
  double most;
  double initial;
  const char* doc;
  const char* const* choices;  ///< names of 0 to `most`; null unless the numbers stand for kinds
  bool convention;             ///< a choice between sources that differ; the default is TA-Lib's
};

/// The values of a kernel's parameters, in declared order.
using ParamValues = std::array<double, max_params>;

/// Where one node of a plan finds its state and its cells.
struct Wiring {
  std::uint32_t state;           ///< byte offset from the symbol's block
  std::uint32_t out;             ///< cell of the first output
  std::uint32_t in[max_inputs];  ///< cells of the inputs
};

using StepNodes = void (*)(std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells);

/// How an indicator that is a formula over one window, or a pattern of candles, takes part in sharing it.
struct Sharing {
  const struct Kernel* reader;    ///< the formula; inputs are the value and the numbers it needs, or a block
  const struct Kernel* provider;  ///< who writes that block; null for windows, which are chosen by the numbers
  const Number* needs;            ///< of a summary, in the order of the reader's inputs
  std::size_t need_count;
  int (*period)(const ParamValues&);
};

struct Kernel {
  const char* name;
  const char* doc;
  const char* formula;
  const char* source;
  const char* const* inputs;
  std::size_t input_count;
  const Output* outputs;
  std::size_t output_count;
  std::size_t cell_count;  ///< cells that it writes: its outputs, or a block that others read
  const ParamInfo* params;
  std::size_t param_count;

  /// Null for indicators that are neither a formula over one window nor a pattern of candles.
  const Sharing* sharing;

  /// Why these values, each in its range, do not go together; null when they do.
  const char* (*invalid)(const ParamValues&);
  /// Rows until each output's first value.
  std::array<int, max_outputs> (*warmup)(const ParamValues&);
  /// Bytes of a state with all its arrays.
  std::size_t (*bytes)(const ParamValues&);
  /// Makes a new state in zeroed memory of that size, aligned as an arena's block.
  void (*make)(std::byte* memory, std::size_t size, const ParamValues&);
  void (*step)(std::byte* state, const double* in, double* out);
  void (*peek)(const std::byte* state, const double* in, double* out);
  /// One node of a symbol, or `count` of them: inputs from and outputs to its cells. The settled ones are
  /// for nodes that are ready and inputs that are finite.
  StepNodes step_one;
  StepNodes step_many;
  StepNodes settled_one;
  StepNodes settled_many;
  void (*peek_many)(const std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells);
  /// The same nodes of many symbols, each of which begins with its cells.
  void (*step_across)(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes, std::size_t count);
  /// Null for one that may call back into the engine.
  void (*settled_across)(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes, std::size_t count);
  /// Null for one whose states stay with their symbols.
  const ColumnKernel* columns;
  /// Null for one that reads a block.
  void (*run)(std::byte* state, const double* const* in, double* const* out, std::size_t n);
  bool (*ready)(const std::byte* state);
  void (*save)(std::byte* state, ByteWriter&);
  void (*load)(std::byte* state, ByteReader&);
  std::string (*schema)(std::byte* state);
};

namespace detail {

template <class T, class = void>
struct HasInvalid : std::false_type {};
template <class T>
struct HasInvalid<T, std::void_t<decltype(T::invalid(std::declval<const typename Node<T>::Params&>()))>>
    : std::true_type {};

/// The functions of T's kernel.
template <class T>
struct KernelOf {
  using N = Node<T>;
  using P = typename N::Params;
  static constexpr auto spec = T::spec();

  static_assert(N::input_count <= max_inputs, "raise max_inputs for an indicator with that many inputs");
  static_assert(N::output_count <= max_outputs, "raise max_outputs for an indicator with that many outputs");
  static_assert(spec.params_.size() <= max_params, "raise max_params for an indicator with that many parameters");

  static N& at(std::byte* p) noexcept { return *std::launder(reinterpret_cast<N*>(p)); }
  static const N& at(const std::byte* p) noexcept { return *std::launder(reinterpret_cast<const N*>(p)); }

  static P params(const ParamValues& values) {
    P p{};
    for (std::size_t i = 0; i < spec.params_.size(); ++i) {
      const auto& one = spec.params_[i];
      if (one.whole != nullptr) {
        p.*one.whole = static_cast<int>(values[i]);
      } else {
        p.*one.real = values[i];
      }
    }
    return p;
  }
  static const char* invalid([[maybe_unused]] const ParamValues& values) {
    if constexpr (HasInvalid<T>::value) {
      return T::invalid(params(values));
    } else {
      return nullptr;
    }
  }
  static std::array<int, max_outputs> warmup(const ParamValues& values) {
    std::array<int, max_outputs> all{};
    const auto own = N::warmup(params(values));
    for (std::size_t k = 0; k < own.size(); ++k) all[k] = own[k];
    return all;
  }
  static std::size_t bytes(const ParamValues& values) {
    Arena measure;
    measure.take<N>(1);
    const N unused(params(values), measure);
    return measure.used();
  }
  static void make(std::byte* memory, std::size_t size, const ParamValues& values) {
    Arena arena(memory, size);
    N* const place = arena.take<N>(1);
    new (place) N(params(values), arena);
  }
  static void step(std::byte* state, const double* in, double* out) { at(state).step(in, out); }
  static void peek(const std::byte* state, const double* in, double* out) { at(state).peek(in, out); }
  /// The inputs of a node: brought together from its cells, or where they lie side by side.
  static auto inputs(const Wiring& node, const double* cells) noexcept {
    if constexpr (ReadsBlock<T>::value) {
      struct {
        const double* data;
      } block{cells + node.in[0]};
      return block;
    } else {
      struct {
        double data[N::input_count];
      } row;
      for (std::size_t k = 0; k < N::input_count; ++k) row.data[k] = cells[node.in[k]];
      return row;
    }
  }
  template <bool Settled>
  static void step_node(std::byte* symbol, const Wiring& node, double* cells) {
    const auto in = inputs(node, cells);
    if constexpr (Settled) {
      at(symbol + node.state).step_settled(in.data, cells + node.out);
    } else {
      at(symbol + node.state).step(in.data, cells + node.out);
    }
  }
  /// Most groups are of one node; without the loop the registers need not be saved.
  static void step_one(std::byte* symbol, const Wiring* node, std::size_t, double* cells) {
    step_node<false>(symbol, *node, cells);
  }
  /// What a tick is made of, in one piece: left to itself the compiler inlines by how much else the file has,
  /// and each new indicator slowed old ones down (60 ns to 67 in bench `one_call`). Hot ones lie side by side in the
  /// program: with all else of an indicator between them each was on a page of its own (bench `candles.all`).
  [[gnu::flatten, gnu::hot]] static void settled_one(std::byte* symbol, const Wiring* node, std::size_t,
                                                     double* cells) {
    step_node<true>(symbol, *node, cells);
  }
  template <bool Settled>
  static void step_many(std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells) {
    for (std::size_t i = 0; i < count; ++i) step_node<Settled>(symbol, nodes[i], cells);
  }
  /// Symbol by symbol within a node: what one waits for in its chain of operations, the next does meanwhile. In one
  /// piece, as `settled_one`: otherwise an average's numbers go through memory (bench `on_bars`).
  template <bool Settled>
  [[gnu::flatten]] static void step_across(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes,
                                           std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t k = 0; k < symbol_count; ++k)
        step_node<Settled>(symbols[k], nodes[i], reinterpret_cast<double*>(symbols[k]));
    }
  }
  /// The same for nodes that are ready and inputs that are finite. A mere formula goes over four symbols at once: what
  /// it divides by takes no longer then (bench `on_bars.ten`).
  static void settled_across(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes,
                             std::size_t count) {
    if constexpr (IsLaneFormula<T>::value) {
      const std::size_t whole = symbol_count / lane_count * lane_count;
      for (std::size_t i = 0; i < count; ++i) {
        const auto& formula = at(symbols[0] + nodes[i].state).body();
        for (std::size_t k = 0; k < whole; k += lane_count)
          step_lanes(formula, symbols + k, nodes[i], std::make_index_sequence<N::input_count>());
      }
      step_across<true>(symbols + whole, symbol_count - whole, nodes, count);
    } else {
      step_across<true>(symbols, symbol_count, nodes, count);
    }
  }
  template <class Formula, std::size_t... I>
  [[gnu::always_inline]] static void step_lanes(const Formula& formula, std::byte* const* symbols, const Wiring& node,
                                                std::index_sequence<I...>) {
    double* cells[lane_count];
    for (std::size_t j = 0; j < lane_count; ++j) cells[j] = reinterpret_cast<double*>(symbols[j]);
    const auto number = [&](std::uint32_t cell) {
      return Lanes{cells[0][cell], cells[1][cell], cells[2][cell], cells[3][cell]};
    };
    const auto result = formula.lanes(number(node.in[I])...);
    const auto put = [&](std::size_t cell, const Lanes& x) {
      for (std::size_t j = 0; j < lane_count; ++j) cells[j][cell] = x[j];
    };
    if constexpr (N::output_count == 1) {
      put(node.out, result);
    } else {
      for (std::size_t m = 0; m < N::output_count; ++m) put(node.out + m, result[m]);
    }
  }
  static void peek_many(const std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto in = inputs(nodes[i], cells);
      at(symbol + nodes[i].state).peek(in.data, cells + nodes[i].out);
    }
  }
  static void run(std::byte* state, const double* const* in, double* const* out, std::size_t n) {
    typename N::Inputs inputs{};
    typename N::Outputs outputs{};
    for (std::size_t k = 0; k < inputs.size(); ++k) inputs[k] = in[k];
    for (std::size_t k = 0; k < outputs.size(); ++k) outputs[k] = out[k];
    at(state).run(inputs, outputs, n);
  }
  /// A batch is of columns; a block has none.
  static constexpr auto run_of_columns() -> decltype(Kernel::run) {
    if constexpr (ReadsBlock<T>::value) {
      return nullptr;
    } else {
      return run;
    }
  }
  static bool ready(const std::byte* state) { return at(state).ready(); }
  static void save(std::byte* state, ByteWriter& out) {
    StateSaver saver(out);
    at(state).state(saver);
  }
  static void load(std::byte* state, ByteReader& in) {
    StateLoader loader(in, spec.name_);
    at(state).state(loader);
  }
  static std::string schema(std::byte* state) {
    StateSchema schema;
    at(state).state(schema);
    return schema.schema();
  }

  static int period(const ParamValues& values) { return T::window(params(values)); }

  static std::array<ParamInfo, max_params> describe_params() {
    std::array<ParamInfo, max_params> all{};
    constexpr P defaults{};
    for (std::size_t i = 0; i < spec.params_.size(); ++i) {
      const auto& one = spec.params_[i];
      const double initial = one.whole != nullptr ? static_cast<double>(defaults.*one.whole) : defaults.*one.real;
      all[i] = {one.name, one.whole != nullptr, one.least, one.most, initial, one.doc, one.choices, one.convention};
    }
    return all;
  }
};

}  // namespace detail

template <class T>
const Kernel& kernel_of();

namespace detail {
template <class T>
const Sharing* sharing_of() {
  if constexpr (IsWindowed<T>::value) {
    static const Sharing sharing{&kernel_of<Reader<T>>(), nullptr, T::Aggregate::gives.data(),
                                 T::Aggregate::gives.size(), KernelOf<T>::period};
    return &sharing;
  } else if constexpr (IsPattern<T>::value) {
    static const Sharing sharing{&kernel_of<PatternReader<T>>(), &kernel_of<SharedCandles>(), nullptr, 0,
                                 [](const ParamValues&) { return 0; }};
    return &sharing;
  } else {
    return nullptr;
  }
}
}  // namespace detail

/// The kernel of indicator T.
template <class T>
const Kernel& kernel_of() {
  using K = detail::KernelOf<T>;
  static constexpr auto spec = T::spec();
  static const auto params = K::describe_params();
  static const Kernel kernel{
      spec.name_,
      spec.doc_,
      spec.formula_,
      spec.source_,
      spec.inputs_.data(),
      spec.inputs_.size(),
      spec.outputs_.data(),
      spec.outputs_.size(),
      K::N::cell_count,
      params.data(),
      spec.params_.size(),
      detail::sharing_of<T>(),
      K::invalid,
      K::warmup,
      K::bytes,
      K::make,
      K::step,
      K::peek,
      K::step_one,
      K::template step_many<false>,
      K::settled_one,
      K::template step_many<true>,
      K::peek_many,
      K::template step_across<false>,
      K::settled_across,
      detail::column_kernel_of<T>(),
      K::run_of_columns(),
      K::ready,
      K::save,
      K::load,
      K::schema,
  };
  return kernel;
}

}  // namespace fastcore
