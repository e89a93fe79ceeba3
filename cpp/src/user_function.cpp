// Kernels of users' functions. A kernel's functions know no more than a state, so what must know which function it is
// before there is a state is made for each of a number of slots.
#include "fastcore/user_function.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <new>
#include <utility>

#include "fastcore/catalogue.hpp"
#include "fastcore/check.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/text.hpp"

namespace fastcore {

namespace {

constexpr const char* input_names[max_inputs] = {"x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8"};
constexpr Output result[] = {line("result")};

struct Slot {
  UserFunction function;
  Kernel kernel{};
};

std::array<Slot, most_functions>& slots() {
  static std::array<Slot, most_functions> all;
  return all;
}
std::atomic<std::size_t>& slot_count() {
  static std::atomic<std::size_t> count{0};
  return count;
}

/// A state: this, and the function's numbers behind it.
struct State {
  const UserFunction* function;
  std::int64_t rows;  // with finite inputs, up to the warm-up

  double* numbers() noexcept { return reinterpret_cast<double*>(this + 1); }
  const double* numbers() const noexcept { return reinterpret_cast<const double*>(this + 1); }

  template <class Archive>
  void state(Archive& archive) {
    archive("finite_rows", rows);
    if constexpr (Archive::loading) {
      if (rows < 0 || rows > function->warmup) archive.fail("finite_rows");
    }
    archive.array("state", numbers(), function->state);
  }
};

State& at(std::byte* p) noexcept { return *std::launder(reinterpret_cast<State*>(p)); }
const State& at(const std::byte* p) noexcept { return *std::launder(reinterpret_cast<const State*>(p)); }

double call(const UserFunction& function, std::int64_t& rows, double* numbers, const double* in) {
  for (std::size_t k = 0; k < function.inputs; ++k) {
    if (!std::isfinite(in[k])) return quiet_nan;
  }
  if (rows < function.warmup) ++rows;
  const double value = function.call(function.context, in, numbers);
  return rows == function.warmup && std::isfinite(value) ? value : quiet_nan;
}

void step(std::byte* state, const double* in, double* out) {
  State& s = at(state);
  out[0] = call(*s.function, s.rows, s.numbers(), in);
}
void peek(const std::byte* state, const double* in, double* out) {
  const State& s = at(state);
  std::int64_t rows = s.rows;
  double numbers[most_function_state];
  std::copy_n(s.numbers(), s.function->state, numbers);
  out[0] = call(*s.function, rows, numbers, in);
}
std::array<double, max_inputs> gathered(const Wiring& node, const double* cells) noexcept {
  std::array<double, max_inputs> in{};
  for (std::size_t k = 0; k < max_inputs; ++k) in[k] = cells[node.in[k]];
  return in;
}
void step_many(std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells) {
  for (std::size_t i = 0; i < count; ++i)
    step(symbol + nodes[i].state, gathered(nodes[i], cells).data(), cells + nodes[i].out);
}
void peek_many(const std::byte* symbol, const Wiring* nodes, std::size_t count, double* cells) {
  for (std::size_t i = 0; i < count; ++i)
    peek(symbol + nodes[i].state, gathered(nodes[i], cells).data(), cells + nodes[i].out);
}
void step_across(std::byte* const* symbols, std::size_t symbol_count, const Wiring* nodes, std::size_t count) {
  for (std::size_t k = 0; k < symbol_count; ++k)
    step_many(symbols[k], nodes, count, reinterpret_cast<double*>(symbols[k]));
}
void run(std::byte* state, const double* const* in, double* const* out, std::size_t n) {
  const std::size_t inputs = at(state).function->inputs;
  for (std::size_t i = 0; i < n; ++i) {
    std::array<double, max_inputs> row{};
    for (std::size_t k = 0; k < inputs; ++k) row[k] = in[k][i];
    step(state, row.data(), out[0] + i);
  }
}
bool ready(const std::byte* state) { return at(state).rows == at(state).function->warmup; }
void save(std::byte* state, ByteWriter& out) {
  StateSaver saver(out);
  at(state).state(saver);
}
void load(std::byte* state, ByteReader& in) {
  StateLoader loader(in, at(state).function->name.c_str());
  at(state).state(loader);
}
std::string schema(std::byte* state) {
  StateSchema schema;
  at(state).state(schema);
  return schema.schema();
}
const char* invalid(const ParamValues&) { return nullptr; }

/// What is asked before there is a state.
template <std::size_t I>
struct Of {
  static const UserFunction& function() noexcept { return slots()[I].function; }
  static std::array<int, max_outputs> warmup(const ParamValues&) { return {function().warmup}; }
  static std::size_t bytes(const ParamValues&) { return sizeof(State) + function().state * sizeof(double); }
  static void make(std::byte* memory, std::size_t, const ParamValues&) { new (memory) State{&function(), 0}; }
};

template <std::size_t I>
Kernel kernel_for(const UserFunction& f) {
  Kernel kernel{};
  kernel.name = f.name.c_str();
  kernel.doc = "A function of its user's.";
  kernel.formula = kernel.source = "";
  kernel.inputs = input_names;
  kernel.input_count = f.inputs;
  kernel.outputs = result;
  kernel.output_count = kernel.cell_count = 1;
  kernel.invalid = invalid;
  kernel.warmup = Of<I>::warmup;
  kernel.bytes = Of<I>::bytes;
  kernel.make = Of<I>::make;
  kernel.step = step;
  kernel.peek = peek;
  kernel.step_one = kernel.step_many = kernel.settled_one = kernel.settled_many = step_many;
  kernel.peek_many = peek_many;
  kernel.step_across = step_across;
  kernel.run = run;
  kernel.ready = ready;
  kernel.save = save;
  kernel.load = load;
  kernel.schema = schema;
  return kernel;
}

template <std::size_t... I>
Kernel kernel_of_slot(std::size_t slot, std::index_sequence<I...>) {
  using Make = Kernel (*)(const UserFunction&);
  static constexpr Make makers[] = {kernel_for<I>...};
  return makers[slot](slots()[slot].function);
}

void check(const UserFunction& f) {
  const auto refuse = [&](const std::string& why) { throw FunctionError("function " + quoted(f.name) + ": " + why); };
  if (f.name.empty() || f.name.find_first_of(".:#@ ") != std::string::npos)
    refuse("a name must not be empty or hold a blank, or one of . : # @");
  if (f.inputs < 1 || f.inputs > max_inputs)
    refuse("inputs must be from 1 to " + std::to_string(max_inputs) + ", not " + std::to_string(f.inputs));
  if (f.state > most_function_state)
    refuse("state must be from 0 to " + std::to_string(most_function_state) + " numbers, not " +
           std::to_string(f.state));
  if (f.warmup < 1 || f.warmup > longest_period)
    refuse("warmup must be from 1 to " + std::to_string(longest_period) + " rows, not " + std::to_string(f.warmup));
}

}  // namespace

const Kernel* find_function(std::string_view name) noexcept {
  const std::size_t count = slot_count().load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    if (slots()[i].function.name == name) return &slots()[i].kernel;
  }
  return nullptr;
}

const Kernel& define(const UserFunction& function) {
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  check(function);
  const std::size_t count = slot_count().load(std::memory_order_relaxed);
  std::size_t slot = 0;
  while (slot < count && slots()[slot].function.name != function.name) ++slot;
  UserFunction& kept = slots()[slot < most_functions ? slot : 0].function;
  if (slot < count) {
    if (kept.inputs != function.inputs || kept.state != function.state || kept.warmup != function.warmup) {
      throw FunctionError("function " + quoted(function.name) +
                          " is defined with other inputs, state or warmup; give this one another name");
    }
    kept.call = function.call;
    kept.context = function.context;
    return slots()[slot].kernel;
  }
  if (find_kernel(function.name) != nullptr)
    throw FunctionError("function " + quoted(function.name) + " has the name of an indicator");
  if (count == most_functions)
    throw FunctionError("function " + quoted(function.name) + " would be one more than " +
                        std::to_string(most_functions));
  kept = function;
  slots()[slot].kernel = kernel_of_slot(slot, std::make_index_sequence<most_functions>());
  slot_count().store(count + 1, std::memory_order_release);
  return slots()[slot].kernel;
}

}  // namespace fastcore
