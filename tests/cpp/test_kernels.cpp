// The contract that every kernel of the catalogue keeps, whatever it computes.
#include "allocations.hpp"
#include "fastcore/engine/engine.hpp"
#include "fastcore/indicators/families.hpp"
#include "kernels.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Puts something that is not finite into one input of some rows.
void spoil(std::vector<Values>& in, std::uint64_t seed) {
  Random random(seed);
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    if (whole(random, 0, 39) != 0) continue;
    const int kind = whole(random, 0, 2);
    in[static_cast<std::size_t>(whole(random, 0, static_cast<int>(in.size()) - 1))][i] = kind == 0   ? quiet_nan
                                                                                         : kind == 1 ? infinity
                                                                                                     : -infinity;
  }
}

/// Ten years in nanoseconds from 2017 on, a second apart.
constexpr std::int64_t start = 1'500'000'000'000'000'000;
constexpr std::int64_t second = 1'000'000'000;

}  // namespace

// By name: kernels of this file's own making would compile the catalogue once more, in a minute and a half.
TEST_CASE("the catalogue has every indicator of the type lists, once") {
  REQUIRE(catalogue().size() == Catalogue::size);
  std::size_t at = 0;
  for_each(Catalogue{}, [&](auto* type) {
    constexpr auto spec = std::remove_pointer_t<decltype(type)>::spec();
    const Kernel* const kernel = catalogue()[at++].kernel;
    CHECK(std::string(kernel->name) == spec.name_);
    CHECK(kernel->cell_count == Node<std::remove_pointer_t<decltype(type)>>::cell_count);
    CHECK(find_kernel(spec.name_) == kernel);
  });
  CHECK(find_kernel("SMAA") == nullptr);
  CHECK(find_kernel("") == nullptr);
}

TEST_CASE("steps and runs of any length give the same bits and the same states, bad rows included") {
  for_each_kernel(900, [](const Kernel& kernel, const ParamValues& params) {
    Random random(901);
    const Bars bars(4000, 902);
    auto in = bars.inputs(kernel);
    for (const bool bad : {false, true}) {
      if (bad) spoil(in, 903);
      for (const int most : {7, 600, 2600}) {
        State by_step(kernel, params);
        State by_run(kernel, params);
        std::size_t at = 0;
        for (const std::size_t rows : cuts(in[0].size(), random, most)) {
          require_same(run(by_run, in, at, at + rows), step(by_step, in, at, at + rows));
          at += rows;
          if (by_run.save() != by_step.save())
            FAIL("equal states have other bytes after row ", at, " and a run of ", rows);
          REQUIRE(by_run.ready() == by_step.ready());
        }
      }
    }
  });
}

TEST_CASE("a run finds one row that is not finite wherever it is, and goes on behind it") {
  const Bars bars(2048, 904);
  for (const char* name :
       {"SMA", "WMA", "BBANDS", "SKEW", "EMA", "DEMA", "TEMA", "KAMA", "MOM", "ROC", "MEDPRICE", "BOP"}) {
    CAPTURE(name);
    const Kernel& kernel = *find_kernel(name);
    const auto clean = bars.inputs(kernel);
    for (const int period : {8, 10, 15, 64}) {
      ParamValues params = defaults(kernel);
      if (kernel.param_count > 0) params[0] = period;
      // Whole groups of blocks: what windows take in one piece.
      const auto group = 4 * static_cast<std::size_t>(period / 2);
      const std::size_t rows = 512 / group * group;
      for (std::size_t bad = 0; bad < rows; bad += bad < 20 || bad + 20 > rows ? 1 : 17) {
        CAPTURE(bad);
        for (const double value : {quiet_nan, infinity, -infinity, 1e308}) {
          auto in = clean;
          in.back()[rows + bad] = value;
          State by_step(kernel, params);
          State by_run(kernel, params);
          for (std::size_t at = 0; at < 3 * rows; at += rows)
            require_same(run(by_run, in, at, at + rows), step(by_step, in, at, at + rows));
          REQUIRE(by_run.save() == by_step.save());
        }
      }
    }
  }
}

TEST_CASE("a run of no rows does nothing") {
  for_each_kernel(905, [](const Kernel& kernel, const ParamValues& params) {
    const auto in = Bars(300, 906).inputs(kernel);
    for (const std::size_t before : {std::size_t{0}, std::size_t{100}}) {
      State state(kernel, params);
      step(state, in, 0, before);
      const std::string bytes = state.save();
      run(state, in, before, before);
      CHECK(state.save() == bytes);
    }
  });
}

TEST_CASE("a peek gives what the step then gives, and leaves no trace") {
  for_each_kernel(910, [](const Kernel& kernel, const ParamValues& params) {
    const auto in = Bars(260, 911).inputs(kernel);
    State state(kernel, params);
    State never(kernel, params);
    for (std::size_t i = 0; i < in[0].size(); ++i) {
      double row[max_inputs];
      double wild[max_inputs];
      double peeked[max_outputs];
      double other[max_outputs];
      for (std::size_t k = 0; k < in.size(); ++k) {
        row[k] = in[k][i];
        wild[k] = 1e17;
      }
      const std::string before = state.save();
      kernel.peek(state.data(), row, peeked);
      kernel.peek(state.data(), wild, other);
      wild[0] = quiet_nan;
      kernel.peek(state.data(), wild, other);
      for (std::size_t k = 0; k < kernel.output_count; ++k) REQUIRE(std::isnan(other[k]));
      REQUIRE(state.save() == before);
      const Outputs stepped = step(state, in, i, i + 1);
      for (std::size_t k = 0; k < kernel.output_count; ++k) REQUIRE(same(peeked[k], stepped[k][0]));
      require_same(stepped, step(never, in, i, i + 1));
    }
  });
}

TEST_CASE("a state made again in cleared memory is new, and two states share nothing") {
  for_each_kernel(920, [](const Kernel& kernel, const ParamValues& params) {
    const auto in = Bars(700, 921).inputs(kernel);
    const auto rows = in[0].size();
    State fresh(kernel, params);
    const std::string empty = fresh.save();
    const Outputs wanted = step(fresh, in, 0, rows);
    State again(kernel, params);
    step(again, in, 123, rows);
    again.reset();
    CHECK(again.save() == empty);
    CHECK_FALSE(again.ready());
    const Outputs turned = step(again, in, 0, rows);
    require_same(turned, wanted);

    State a(kernel, params);
    State b(kernel, params);
    for (std::size_t i = 0; i < 300; ++i) {
      const Outputs from_a = step(a, in, i, i + 1);
      step(b, in, rows - 1 - i, rows - i);
      for (std::size_t k = 0; k < from_a.size(); ++k) REQUIRE(same(from_a[k][0], wanted[k][i]));
    }
  });
}

TEST_CASE("a saved state goes on as if nothing had happened") {
  for_each_kernel(930, [](const Kernel& kernel, const ParamValues& params) {
    const auto in = Bars(900, 931).inputs(kernel);
    for (const std::size_t stop :
         std::initializer_list<std::size_t>{0, 1, 2, 3, 5, 13, 14, 15, 29, 30, 31, 60, 150, 333, 512, 700}) {
      CAPTURE(stop);
      State state(kernel, params);
      run(state, in, 0, stop);
      const std::string bytes = state.save();
      State twin(kernel, params);
      step(twin, in, 200, 777);  // a past of its own, of which nothing may stay
      twin.load(bytes);
      REQUIRE(twin.save() == bytes);
      REQUIRE(twin.ready() == state.ready());
      require_same(step(twin, in, stop, 900), step(state, in, stop, 900));
      REQUIRE(twin.save() == state.save());
    }
  });
}

TEST_CASE("a state refuses bytes that are cut or of other parameters") {
  for_each_kernel(
      935,
      [](const Kernel& kernel, const ParamValues& params) {
        const auto in = Bars(100, 936).inputs(kernel);
        State state(kernel, params);
        step(state, in, 0, 100);
        const std::string bytes = state.save();
        for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 40) {
          ByteReader cut(std::string_view(bytes).substr(0, size));
          CHECK_THROWS_AS(kernel.load(state.data(), cut), SnapshotError);
        }
      },
      2);
  State ten(*find_kernel("SMA"), ParamValues{10});
  State twelve(*find_kernel("SMA"), ParamValues{12});
  CHECK_THROWS_AS(ten.load(twelve.save()), SnapshotError);
}

TEST_CASE("outputs begin at their warm-up rows, and the state is ready when all are there") {
  for_each_kernel(940, [](const Kernel& kernel, const ParamValues& params) {
    const auto warmup = kernel.warmup(params);
    int last = 0;
    for (std::size_t k = 0; k < kernel.output_count; ++k) {
      REQUIRE(warmup[k] >= 1);
      last = std::max(last, warmup[k]);
    }
    for (std::size_t k = kernel.output_count; k < max_outputs; ++k) REQUIRE(warmup[k] == 0);
    Bars bars(static_cast<std::size_t>(last) + 200, 941);
    for (double& volume : bars.volume) volume += 1.0;  // without volume VWAP has no value, warm or not
    const auto in = bars.inputs(kernel);
    State state(kernel, params);
    for (std::size_t i = 0; i < in[0].size(); ++i) {
      CAPTURE(i);
      const auto rows = static_cast<int>(i) + 1;
      const Outputs out = step(state, in, i, i + 1);
      for (std::size_t k = 0; k < kernel.output_count; ++k) REQUIRE(std::isfinite(out[k][0]) == (rows >= warmup[k]));
      REQUIRE(state.ready() == (rows >= last));
    }
    CHECK(Indicator(kernel, params).warmup() == last);
  });
}

TEST_CASE("a row with anything that is not finite gives NaN and does not count") {
  for_each_kernel(
      950,
      [](const Kernel& kernel, const ParamValues& params) {
        const auto in = Bars(200, 951).inputs(kernel);
        State state(kernel, params);
        State never(kernel, params);
        for (std::size_t i = 0; i < in[0].size(); ++i) {
          const std::string before = state.save();
          for (std::size_t which = 0; which < in.size(); ++which) {
            for (const double bad : {quiet_nan, infinity, -infinity}) {
              double row[max_inputs];
              double out[max_outputs] = {};
              for (std::size_t k = 0; k < in.size(); ++k) row[k] = k == which ? bad : in[k][i];
              kernel.step(state.data(), row, out);
              for (std::size_t k = 0; k < kernel.output_count; ++k) REQUIRE(std::isnan(out[k]));
            }
          }
          REQUIRE(state.save() == before);
          require_same(step(state, in, i, i + 1), step(never, in, i, i + 1));
        }
      },
      1);
}

TEST_CASE("many nodes in one call do what each does on its own") {
  for_each_kernel(
      960,
      [](const Kernel& kernel, const ParamValues& params) {
        const auto in = Bars(150, 961).inputs(kernel);
        constexpr std::uint32_t count = 5;
        const std::size_t bytes = (kernel.bytes(params) + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
        const Block block(count * bytes);
        // Cells: outputs of all nodes, then inputs in reverse order, with an unused cell around each.
        const auto outputs = static_cast<std::uint32_t>(kernel.output_count);
        const auto inputs = static_cast<std::uint32_t>(kernel.input_count);
        Values cells(count * (outputs + 1) + inputs + 1, -1.0);
        std::vector<Wiring> nodes(count);
        std::vector<State> alone;
        for (std::uint32_t i = 0; i < count; ++i) {
          nodes[i].state = static_cast<std::uint32_t>(i * bytes);
          nodes[i].out = (count - 1 - i) * (outputs + 1);
          for (std::uint32_t k = 0; k < inputs; ++k) nodes[i].in[k] = static_cast<std::uint32_t>(cells.size()) - 1 - k;
          kernel.make(block.data() + nodes[i].state, bytes, params);
          alone.emplace_back(kernel, params);
          step(alone[i], in, 0, i);  // each with a past of its own
          for (std::size_t row = 0; row < i; ++row) {
            double values[max_inputs];
            double out[max_outputs];
            for (std::size_t k = 0; k < in.size(); ++k) values[k] = in[k][row];
            kernel.step(block.data() + nodes[i].state, values, out);
          }
        }
        for (std::size_t row = 0; row < 150; ++row) {
          for (std::uint32_t k = 0; k < inputs; ++k) cells[cells.size() - 1 - k] = in[k][row];
          Values peeked = cells;
          kernel.peek_many(block.data(), nodes.data(), count, peeked.data());
          kernel.step_many(block.data(), nodes.data(), count, cells.data());
          REQUIRE(first_difference(peeked, cells) == cells.size());
          for (std::uint32_t i = 0; i < count; ++i) {
            const Outputs wanted = step(alone[i], in, row, row + 1);
            for (std::uint32_t k = 0; k < outputs; ++k) REQUIRE(same(cells[nodes[i].out + k], wanted[k][0]));
            REQUIRE(cells[nodes[i].out + outputs] == -1.0);
          }
        }
        for (std::uint32_t i = 0; i < count; ++i) {
          ByteWriter out;
          kernel.save(block.data() + nodes[i].state, out);
          REQUIRE(out.bytes() == alone[i].save());
        }
      },
      2);
}

TEST_CASE("a kernel says how many bytes its state takes, no more and no less") {
  for_each_kernel(970, [](const Kernel& kernel, const ParamValues& params) {
    const std::size_t bytes = kernel.bytes(params);
    Block block(bytes);
    CHECK_NOTHROW(kernel.make(block.data(), bytes, params));
    block.clear();
    CHECK_THROWS_AS(kernel.make(block.data(), bytes - 1, params), std::bad_alloc);
  });
}

TEST_CASE("parameters outside their ranges are refused in a sentence that names all") {
  for (const CatalogueEntry& entry : catalogue()) {
    const Kernel& kernel = *entry.kernel;
    for (std::size_t i = 0; i < kernel.param_count; ++i) {
      const ParamInfo& p = kernel.params[i];
      for (const double value : {p.whole ? p.least - 1.0 : p.least - 1.0 - 0.001 * std::fabs(p.least),
                                 p.whole ? p.most + 1.0 : p.most * 1.001, quiet_nan, infinity, -infinity}) {
        ParamValues params = defaults(kernel);
        params[i] = value;
        try {
          const Indicator indicator(kernel, params);
          FAIL(kernel.name << "." << p.name << " took " << value);
        } catch (const ParameterError& error) {
          const std::string sentence = error.what();
          CAPTURE(sentence);
          CHECK(sentence.find(std::string(kernel.name) + "." + p.name) == 0);
          for (const double number : {p.least, p.most, value}) CHECK(sentence.find(plain(number)) != std::string::npos);
        }
      }
    }
  }
  CHECK_THROWS_WITH_AS(Indicator(*find_kernel("MACD"), ParamValues{26, 12, 9}),
                       "MACD: fast must be less than slow, not fast=26, slow=12, signal=9, seed=0", ParameterError);
}

TEST_CASE("an indicator on its own does what its kernel does") {
  for_each_kernel(
      975,
      [](const Kernel& kernel, const ParamValues& params) {
        const auto in = Bars(400, 976).inputs(kernel);
        State state(kernel, params);
        const Outputs wanted = step(state, in, 0, 400);
        Indicator indicator(kernel, params);
        Indicator copy = indicator.copy();
        for (std::size_t i = 0; i < 400; ++i) {
          double row[max_inputs];
          double peeked[max_outputs];
          for (std::size_t k = 0; k < in.size(); ++k) row[k] = in[k][i];
          if (i == 200) copy = indicator.copy();
          if (i == 300) indicator = Indicator::restore(indicator.snapshot());
          indicator.peek(row, peeked);
          const double* const out = indicator.update(row);
          if (i >= 200) copy.update(row);
          for (std::size_t k = 0; k < kernel.output_count; ++k) {
            REQUIRE(same(out[k], wanted[k][i]));
            REQUIRE(same(peeked[k], wanted[k][i]));
            if (i >= 200) REQUIRE(same(copy.value()[k], wanted[k][i]));
          }
        }
        CHECK(copy.snapshot() == indicator.snapshot());
        indicator.reset();
        CHECK(indicator.snapshot() == Indicator(kernel, params).snapshot());
        const double* from[max_inputs];
        double* to[max_outputs];
        Outputs out(kernel.output_count, Values(400));
        for (std::size_t k = 0; k < in.size(); ++k) from[k] = in[k].data();
        for (std::size_t k = 0; k < out.size(); ++k) to[k] = out[k].data();
        indicator.run(from, to, 400);
        require_same(out, wanted);
        for (std::size_t k = 0; k < out.size(); ++k) CHECK(same(indicator.value()[k], wanted[k].back()));
      },
      2);
}

TEST_CASE("what stands on windows alone has forgotten a bad row as soon as the row has left them") {
  for (const char* name : {"SMA", "WMA", "HMA", "BBANDS", "DONCHIAN", "STOCH", "WILLR", "CCI", "ROC", "MOM", "VWAP",
                           "MFI", "STDDEV", "ZSCORE", "LINEARREG"}) {
    const Kernel& kernel = *find_kernel(name);
    for (const ParamValues& params : parameters(kernel, 985, 4)) {
      const std::string about = text(kernel, params);
      CAPTURE(about);
      constexpr std::size_t rows = 2500;
      const auto clean = Bars(rows, 986).inputs(kernel);
      const auto warmup = kernel.warmup(params);
      const auto reach = static_cast<std::size_t>(*std::max_element(warmup.begin(), warmup.end()));
      State never(kernel, params);
      const Outputs wanted = step(never, clean, 0, rows);
      for (const std::size_t spike : std::initializer_list<std::size_t>{0, 1, 2, 63, 100, 101, 102, 103, 550}) {
        CAPTURE(spike);
        auto bad = clean;
        for (Values& column : bad) {
          column[spike] = 1e17;
          column[spike + reach / 2] = 1e15;
        }
        const std::size_t from = spike + reach / 2 + reach;
        REQUIRE(from < rows);
        State stepped(kernel, params);
        State ran(kernel, params);
        Outputs a = step(stepped, bad, 0, rows);
        Outputs b = run(ran, bad, 0, rows);
        for (std::size_t k = 0; k < wanted.size(); ++k) {
          std::copy_n(wanted[k].begin(), from, a[k].begin());
          std::copy_n(wanted[k].begin(), from, b[k].begin());
        }
        require_same(a, wanted);
        require_same(b, wanted);
      }
    }
  }
}

TEST_CASE("an average of a constant is exactly the constant") {
  for (const char* name : {"SMA", "EMA", "RMA", "WMA", "DEMA", "TEMA", "HMA", "KAMA", "LINEARREG"}) {
    const Kernel& kernel = *find_kernel(name);
    for (const ParamValues& params : parameters(kernel, 987)) {
      const std::string about = text(kernel, params);
      CAPTURE(about);
      const auto begin = static_cast<std::size_t>(kernel.warmup(params)[0]) - 1;
      for (const double constant : {100.0, 0.1, 1e-4, 60000.03, 1e8 + 0.01, 1.0 / 3.0, 1.1}) {
        const std::vector<Values> in{Values(begin + 700, constant)};
        State stepped(kernel, params);
        State ran(kernel, params);
        const Outputs a = step(stepped, in, 0, in[0].size());
        const Outputs b = run(ran, in, 0, in[0].size());
        for (std::size_t i = begin; i < in[0].size(); ++i) {
          REQUIRE(a[0][i] == constant);
          REQUIRE(b[0][i] == constant);
        }
      }
    }
  }
}

TEST_CASE("the counter counts: new, malloc, aligned and nothrow") {
  const auto counted = [](auto&& work) {
    const std::size_t before = allocations();
    work();
    return allocations() - before;
  };
  CHECK(counted([] { std::vector<double>(1000).swap(*std::make_unique<Values>()); }) >= 2);
  CHECK(counted([] { const Block block(1000); }) >= 1);
  CHECK(counted([] {
          int* volatile kept = new (std::nothrow) int(1);
          delete kept;
        }) >= 1);
  CHECK(counted([] {}) == 0);
  void* volatile kept = nullptr;  // or the compiler takes the pair away
  CHECK(counted([&] {
          kept = std::malloc(10);
          std::free(kept);
        }) == 1);
}

TEST_CASE("step, peek and run allocate nothing") {
  for_each_kernel(980, [](const Kernel& kernel, const ParamValues& params) {
    const auto in = Bars(3000, 981).inputs(kernel);
    State state(kernel, params);
    const double* from[max_inputs];
    double* to[max_outputs];
    Outputs columns(kernel.output_count, Values(2000));
    for (std::size_t k = 0; k < in.size(); ++k) from[k] = in[k].data() + 1000;
    for (std::size_t k = 0; k < columns.size(); ++k) to[k] = columns[k].data();
    double out[max_outputs];
    const std::size_t before = allocations();
    for (std::size_t i = 0; i < 1000; ++i) {
      double row[max_inputs];
      for (std::size_t k = 0; k < in.size(); ++k) row[k] = in[k][i];
      kernel.peek(state.data(), row, out);
      kernel.step(state.data(), row, out);
    }
    kernel.run(state.data(), from, to, 2000);
    const std::size_t after = allocations();
    CHECK(after == before);
  });
}

TEST_CASE("a tick allocates nothing: every indicator, on ticks, on bars, chained, with history") {
  std::vector<NodeSpec> specs;
  for (const CatalogueEntry& entry : catalogue()) {
    const Kernel& kernel = *entry.kernel;
    specs.push_back({kernel.name, &kernel, defaults(kernel), "", {}});
    specs.push_back({std::string(kernel.name) + " on bars", &kernel, defaults(kernel), "5s", {}});
  }
  specs.push_back({"chained", find_kernel("SMA"), ParamValues{7}, "", {"RSI on bars"}});
  Engine::Options options;
  options.history = 100;
  Engine engine(specs, options);
  Symbol& symbol = *engine.symbol("A");
  const Bars bars(8000, 990);
  std::vector<Tick> ticks(4000);
  const std::vector<Symbol*> table{&symbol};
  std::size_t at = 0;
  Values peeked(engine.plan().columns().size());
  const auto tick = [&] {
    const auto ts = start + static_cast<std::int64_t>(at) * second;
    symbol.on_tick({ts, bars.close[at], bars.volume[at]});
    symbol.on_tick({ts - second, bars.close[at], bars.volume[at]});  // late
    symbol.on_tick({ts, -1.0, quiet_nan});                                 // invalid
    symbol.peek(bars.close[at], 1.0, at % 2 == 0, peeked.data());
    ++at;
  };
  while (at < 500) tick();
  const std::size_t before = allocations();
  while (at < 4000) tick();
  const std::size_t after = allocations();
  CHECK(after == before);
  CHECK(symbol.ledger().buckets[static_cast<std::size_t>(Outcome::accepted)] == 4000);
  CHECK(symbol.bars(1).generation() == 799);

  Values rows(ticks.size() * engine.plan().columns().size());
  std::vector<std::uint8_t> outcomes(ticks.size());
  for (std::size_t i = 0; i < ticks.size(); ++i, ++at) {
    ticks[i] = {start + static_cast<std::int64_t>(at) * second, bars.close[at], bars.volume[at], 0, 0, 0};
  }
  const std::size_t before_batch = allocations();
  const std::size_t taken = engine.on_ticks(ticks.data(), ticks.size(), table, rows.data(), outcomes.data());
  const std::size_t after_batch = allocations();
  CHECK(after_batch == before_batch);
  CHECK(taken == ticks.size());
}
