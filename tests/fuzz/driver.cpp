// Runs a fuzz target over its seeds, its kept corpus, and mutations of both: a few in every test run, the same ones
// each time; many in a proof, others each time.
//
//   fuzz_snapshot CORPUS ROUNDS [SEED]          run; what crashes is written to ./crash-...
//   fuzz_snapshot CORPUS ROUNDS SEED grow       also keep what reaches new code; built with FASTCORE_FUZZ
//   fuzz_snapshot CORPUS 0 1 shrink             remove what reaches nothing that shorter inputs do not reach
//   fuzz_snapshot FILE                          run one input
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fastcore/crc32c.hpp"
#include "fuzz.hpp"

namespace {

using fastcore::crc32c;
using Inputs = std::vector<std::string>;

// Edges between places in the code, by number, and how often this input took each, in steps of doubling.
constexpr std::size_t edge_count = std::size_t{1} << 16;
unsigned char edges[edge_count];
unsigned char seen[edge_count];

// Whether this thread is that of the input: others of the code under test take another way each time.
[[maybe_unused]] thread_local bool watched = false;

// What runs now, for the case that it is the last.
const std::string* current = nullptr;

std::string name_of(const std::string& input) {
  char name[16];
  std::snprintf(name, sizeof name, "%08x", crc32c(input));
  return name;
}

void write(const std::filesystem::path& path, const std::string& input) {
  std::ofstream(path, std::ios::binary).write(input.data(), static_cast<std::streamsize>(input.size()));
}

extern "C" void keep_current() {
  if (current == nullptr) return;
  const std::string name = "crash-" + name_of(*current);
  write(name, *current);
  std::fprintf(stderr, "the input is in %s\n", name.c_str());
}

extern "C" void died(int signal) {
  keep_current();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// Runs one input; whether it reached something new.
bool run(const std::string& input) {
  std::memset(edges, 0, sizeof edges);
  watched = true;
  current = &input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  current = nullptr;
  bool fresh = false;
  for (std::size_t i = 0; i < edge_count; ++i) {
    unsigned char steps = 0;
    for (unsigned count = edges[i]; count > 0; count /= 2) steps = static_cast<unsigned char>(steps * 2 + 1);
    if ((steps & ~seen[i]) == 0) continue;
    seen[i] = static_cast<unsigned char>(seen[i] | steps);
    fresh = true;
  }
  return fresh;
}

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::string operator()(const Inputs& inputs) {
    std::string one = inputs[below(inputs.size())];
    for (std::size_t times = 1 + below(4); times > 0; --times) mutate(one, inputs[below(inputs.size())]);
    return one;
  }

 private:
  void mutate(std::string& one, const std::string& other) {
    const std::size_t at = below(one.size() + 1);
    const std::size_t length = std::min(one.size() - at, std::size_t{1} << below(8));
    switch (below(8)) {
      case 0: put(one, at, static_cast<std::uint8_t>(random_())); break;
      case 1:
        if (at < one.size()) one[at] = static_cast<char>(one[at] ^ (1 << below(8)));
        break;
      case 2: put(one, at, interesting<std::uint32_t>()); break;
      case 3: put(one, at, interesting<std::uint64_t>()); break;
      case 4: one.erase(at, length); break;
      case 5: one.insert(at, one.substr(at, length)); break;
      case 6: {  // a piece of another input
        const std::size_t from = below(other.size() + 1);
        one.replace(at, below(2) * length, other, from, std::size_t{1} << below(10));
        break;
      }
      default: nudge(one, at);
    }
    if (one.size() > 1 << 16) one.resize(1 << 16);
  }
  /// A number that lies there, one or a few more or less.
  void nudge(std::string& one, std::size_t at) {
    std::uint32_t value = 0;
    if (at + sizeof value > one.size()) return;
    std::memcpy(&value, one.data() + at, sizeof value);
    put(one, at, value + static_cast<std::uint32_t>(below(9)) - 4);
  }
  template <class T>
  T interesting() {
    static constexpr std::uint64_t values[] = {0,
                                               1,
                                               2,
                                               255,
                                               256,
                                               65535,
                                               0x7fffffff,
                                               0x80000000,
                                               0xffffffff,
                                               0x7fffffffffffffff,
                                               0x8000000000000000,
                                               ~std::uint64_t{0},
                                               0x7ff0000000000000,
                                               0x7ff8000000000000,
                                               0x3ff0000000000000};
    return static_cast<T>(values[below(std::size(values))]);
  }
  template <class T>
  static void put(std::string& one, std::size_t at, T value) {
    if (at + sizeof value <= one.size()) std::memcpy(one.data() + at, &value, sizeof value);
  }
  std::mt19937 random_;
};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
static std::uintptr_t last_place = 0;

/// What the compiler calls at each branch of the code under test, where FASTCORE_FUZZ asks for it.
extern "C" __attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {  // NOLINT: GCC's name for it
  if (!watched) return;
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  unsigned char& count = edges[(place ^ last_place) % edge_count];
  if (count < 255) ++count;
  last_place = place >> 1;
}
#endif

// A sanitizer that finds something ends like any other crash.
extern "C" const char* __asan_default_options() { return "abort_on_error=1"; }   // NOLINT: its name
extern "C" const char* __ubsan_default_options() { return "abort_on_error=1"; }  // NOLINT: its name

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "%s CORPUS ROUNDS [SEED] [grow | shrink]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, died);
  const std::filesystem::path corpus = argv[1];
  if (std::filesystem::is_regular_file(corpus)) {
    run(read(corpus));
    return 0;
  }
  if (!std::filesystem::is_directory(corpus)) {
    std::fprintf(stderr, "there is no corpus %s\n", argv[1]);
    return 2;
  }
  const std::string mode = argc > 4 ? argv[4] : "";
  Inputs inputs = fastcore::fuzz::seeds();
  for (const std::string& input : inputs) run(input);
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(corpus)) files.push_back(file.path());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {  // the shortest first
    return std::make_pair(file_size(a), a) < std::make_pair(file_size(b), b);
  });
  for (const auto& file : files) {
    inputs.push_back(read(file));
    if (!run(inputs.back()) && mode == "shrink") std::filesystem::remove(file);
  }
  const bool proof = std::getenv("FASTCORE_PROOF") != nullptr;
  const long rounds = (argc > 2 ? std::strtol(argv[2], nullptr, 10) : 0) * (proof ? 300 : 1);
  const std::uint32_t any = proof ? std::random_device()() : 1;
  const std::uint32_t seed = argc > 3 ? static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)) : any;
  Mutator mutator(seed);
  std::size_t kept = 0;
  for (long round = 0; round < rounds; ++round) {
    const std::string input = mutator(inputs);
    if (!run(input)) continue;
    inputs.push_back(input);
    if (mode == "grow") write(corpus / name_of(input), input);
    ++kept;
  }
  std::printf("%zu inputs, %ld mutations from seed %u, %zu of them reached something new\n", inputs.size() - kept,
              rounds, seed, kept);
  return 0;
}
