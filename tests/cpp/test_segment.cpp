// Segments as files: made whole, locked by one writer, taken over, replaced, removed; and headers, which are bytes
// from somebody else.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "fastcore/crc32c.hpp"
#include "shm_support.hpp"
#include "support.hpp"

using namespace fastcore;
using namespace fastcore::testing;

namespace {

using Page = std::array<unsigned char, SegmentLayout::page>;

std::string refusal(const Page& page, std::uint64_t bytes, std::size_t available = SegmentLayout::page) {
  return thrown<ShmError>([&] { read_header(page.data(), available, bytes, "the segment"); });
}
Page header_of(const SegmentSpec& spec) {
  Page page{};
  write_header(spec, page.data());
  return page;
}
/// Puts the checksum right after a change, so that what it guards is looked at.
void sign(Page& page) {
  constexpr std::size_t at = 8 + 4 + 4 + 8 + 8 + 4 * 4 + 3500;
  const std::uint32_t sum = crc32c(std::string_view(reinterpret_cast<const char*>(page.data()), at));
  std::memcpy(page.data() + at, &sum, 4);
}
template <class T>
Page with(Page page, std::size_t at, T value) {
  std::memcpy(page.data() + at, &value, sizeof value);
  sign(page);
  return page;
}
void spoil(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
}

}  // namespace

TEST_CASE("a header says what was put into it") {
  SegmentSpec spec = notes(1024, 7);
  spec.schema = std::string(3500, 's');
  const Page page = header_of(spec);
  CHECK(read_header(page.data(), page.size(), SegmentLayout(spec).bytes, "x") == spec);
  CHECK(is_segment({reinterpret_cast<const char*>(page.data()), page.size()}));
}

TEST_CASE("no byte of a header can change unnoticed, nor can any be missing") {
  const SegmentSpec spec = notes(1024, 7);
  const std::uint64_t bytes = SegmentLayout(spec).bytes;
  const Page page = header_of(spec);
  constexpr std::size_t used = 3552;
  for (std::size_t i = 0; i < used; ++i) {
    Page bad = page;
    bad[i] ^= 0x10;
    CAPTURE(i);
    REQUIRE_FALSE(refusal(bad, bytes).empty());
  }
  for (const std::size_t available : {std::size_t{0}, std::size_t{7}, used - 1})
    CHECK(has(refusal(page, available, available), "too small for a segment"));
  CHECK(has(refusal(page, bytes - 1), "bytes where its header asks for"));
}

TEST_CASE("headers that lie, with a checksum that fits, are refused with the reason") {
  const SegmentSpec spec = notes(1024, 7);
  const std::uint64_t bytes = SegmentLayout(spec).bytes;
  const Page page = header_of(spec);
  CHECK(refusal(page, bytes).empty());
  CHECK(has(refusal(with(page, 0, 'X'), bytes), "is no segment of fastcore"));
  CHECK(has(refusal(with(page, 8, 2), bytes), "version 2, and this fastcore reads version 1"));
  CHECK(has(refusal(with(page, 12, 0x04030201), bytes), "another byte order"));
  CHECK(has(refusal(with(page, 16, bytes + 1), bytes + 1), "its header asks for"));
  CHECK(has(refusal(with(page, 24, std::uint64_t{1000}), bytes), "power of two"));
  CHECK(has(refusal(with(page, 24, std::uint64_t{1} << 40), bytes), "power of two from 1 to 2^32"));
  CHECK(has(refusal(with(page, 24, std::uint64_t{1} << 32), bytes), "its header asks for"));
  CHECK(has(refusal(with(page, 32, 0), bytes), "of 1 to 2^24 bytes"));
  CHECK(has(refusal(with(page, 36, 0xffffffff), bytes), "rows"));
  CHECK(has(refusal(with(page, 40, 37), bytes), "inside the message"));
  CHECK(has(refusal(with(page, 40, SegmentSpec::no_key), bytes), "come together"));
  CHECK(has(refusal(with(page, 44, 4000), bytes), "damaged header"));
  CHECK(has(refusal(with(page, 48, '\xff'), bytes), "is not text"));
}

TEST_CASE("random bytes are no header, and reading them does no harm") {
  Random random(9);
  const Page good = header_of(notes(64, 3));
  for (int round = 0; round < 2000; ++round) {
    Page page = good;
    for (int changes = whole(random, 1, 40); changes > 0; --changes)
      page[static_cast<std::size_t>(whole(random, 8, 60))] = static_cast<unsigned char>(random());
    sign(page);
    // What comes through is consistent with itself and no larger than the file.
    const std::string fault = thrown<ShmError>([&] {
      const SegmentSpec spec = read_header(page.data(), page.size(), 1 << 20, "x");
      CHECK(SegmentLayout(spec).bytes <= 1 << 20);
    });
    CHECK((fault.empty() || has(fault, "x ")));
  }
}

TEST_CASE("names are letters, digits and four signs, and lead nowhere else") {
  for (const char* name : {"ticks", "BTC-USD:1m", "a.b_c", "0"}) CHECK(is_segment_name(name));
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "/", "../x", "a b", "a\nb", "\xc3\xa4"}) {
    CAPTURE(name);
    CHECK_FALSE(is_segment_name(name));
    CHECK(has(thrown<ShmError>([&] { segment_path("/dev/shm", name); }), "a segment's name is"));
  }
  CHECK(is_segment_name(std::string(100, 'a')));
  CHECK_FALSE(is_segment_name(std::string(101, 'a')));
}

TEST_CASE("a segment has one writer; who comes second is told which process it is") {
  const MemoryFolder folder;
  const OwnedSegment first = create_segment(folder.path(), "one", notes(8, 0));
  CHECK_FALSE(first.taken_over);
  const auto again = [&] { create_segment(folder.path(), "one", notes(8, 0)); };
  CHECK(has(thrown<ShmBusyError>(again), ("process " + std::to_string(getpid())).c_str()));
  const pid_t child = start([&] { _exit(thrown<ShmBusyError>(again).empty() ? 1 : 0); });
  CHECK(end_of(child) == 0);
  CHECK_FALSE(remove_segment(folder.path(), "one"));
  const OwnedSegment reader = attach_segment(folder.path(), "one");
  CHECK(has_writer(*reader.mapping));
}

TEST_CASE("a forked child does not keep its parent's lock") {
  const MemoryFolder folder;
  auto owned = std::make_unique<OwnedSegment>(create_segment(folder.path(), "one", notes(8, 0)));
  std::array<int, 2> to_child{};
  std::array<int, 2> to_parent{};
  REQUIRE(pipe(to_child.data()) == 0);
  REQUIRE(pipe(to_parent.data()) == 0);
  char byte = owned->mapping->fd() >= 0 ? 'x' : '-';
  const pid_t child = start([&] {
    ::close(to_child[1]);
    const bool forgot = owned->mapping->fd() == -1;
    // It has begun, and lives until its parent is done.
    const bool told = ::write(to_parent[1], &byte, 1) == 1 && ::read(to_child[0], &byte, 1) == 0;
    _exit(forgot && told ? 0 : 1);
  });
  REQUIRE(::read(to_parent[0], &byte, 1) == 1);
  owned.reset();
  CHECK(create_segment(folder.path(), "one", notes(8, 0)).taken_over);
  for (const int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(end);
  CHECK(end_of(child) == 0);
}

TEST_CASE("a new writer takes over a segment that carries the same, and replaces one that does not") {
  const MemoryFolder folder;
  {
    const OwnedSegment first = create_segment(folder.path(), "one", notes(8, 2));
    RingWriter<> writer(first.mapping->base(), first.spec);
    const Note note = note_of(0, 2);
    writer.publish(&note, 1);
  }
  const OwnedSegment reader = attach_segment(folder.path(), "one");
  CHECK_FALSE(has_writer(*reader.mapping));
  const RingReader<> ring(reader.mapping->base(), reader.spec);
  {
    const OwnedSegment second = create_segment(folder.path(), "one", notes(8, 2));
    CHECK(second.taken_over);
    CHECK(RingWriter<>(second.mapping->base(), second.spec).next() == 1);
    CHECK(has_writer(*reader.mapping));
    CHECK(ring.live().epoch.load() == 2);
    CHECK(ring.state() == SegmentState::open);
  }
  const OwnedSegment third = create_segment(folder.path(), "one", notes(16, 2));
  CHECK_FALSE(third.taken_over);
  CHECK(RingWriter<>(third.mapping->base(), third.spec).next() == 0);
  CHECK(ring.state() == SegmentState::replaced);
  CHECK_FALSE(has_name(*reader.mapping));
  CHECK(ring.end() == 1);  // what was in it stays with who has it open
}

TEST_CASE("leftovers that cannot be read are replaced, and what is no segment is left alone") {
  const MemoryFolder folder;
  const std::string path = segment_path(folder.path(), "one");
  create_segment(folder.path(), "one", notes(8, 0));
  std::string whole_file;
  {
    std::ifstream in(path, std::ios::binary);
    whole_file.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::string newer = whole_file;
  newer[8] = 2;
  std::string damaged = whole_file;
  damaged[60] ^= 1;
  for (const std::string& bytes : {newer, damaged, whole_file.substr(0, 100), whole_file.substr(0, 5000)}) {
    spoil(path, bytes);
    CHECK_FALSE(thrown<ShmError>([&] { attach_segment(folder.path(), "one"); }).empty());
    CHECK_FALSE(create_segment(folder.path(), "one", notes(8, 0)).taken_over);
    CHECK(attach_segment(folder.path(), "one").spec == notes(8, 0));
  }
  for (const std::string& bytes : {std::string(), std::string("a letter to somebody"), std::string(9000, '\0')}) {
    spoil(path, bytes);
    CHECK(has(thrown<ShmError>([&] { create_segment(folder.path(), "one", notes(8, 0)); }), "is no segment"));
    CHECK(std::filesystem::file_size(path) == bytes.size());
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK_FALSE(thrown<ShmError>([&] { attach_segment(folder.path(), "one"); }).empty());
  CHECK_FALSE(thrown<ShmError>([&] { create_segment(folder.path(), "one", notes(8, 0)); }).empty());
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  CHECK_FALSE(thrown<ShmError>([&] { attach_segment(folder.path(), "one"); }).empty());
  CHECK_FALSE(thrown<ShmError>([&] { create_segment(folder.path(), "one", notes(8, 0)); }).empty());
}

TEST_CASE("what has no writer can be removed, sound or not, and its readers are told") {
  const MemoryFolder folder;
  CHECK_FALSE(thrown<ShmMissingError>([&] { remove_segment(folder.path(), "one"); }).empty());
  CHECK_FALSE(thrown<ShmMissingError>([&] { attach_segment(folder.path(), "one"); }).empty());
  create_segment(folder.path(), "one", notes(8, 0));
  spoil(segment_path(folder.path(), "two"), "garbage");
  CHECK(segment_names(folder.path()) == std::vector<std::string>{"one", "two"});
  const OwnedSegment reader = attach_segment(folder.path(), "one");
  CHECK(remove_segment(folder.path(), "one"));
  CHECK(remove_segment(folder.path(), "two"));
  CHECK(segment_names(folder.path()).empty());
  CHECK(RingReader<>(reader.mapping->base(), reader.spec).state() == SegmentState::replaced);
}

TEST_CASE("what does not fit is refused before anything is made") {
  const MemoryFolder folder;
  SegmentSpec spec = notes(std::uint64_t{1} << 32, 0);
  spec.message_bytes = 1 << 20;
  CHECK(has(thrown<ShmError>([&] { create_segment(folder.path(), "one", spec); }), "MB left"));
  CHECK(std::filesystem::is_empty(folder.path()));
  const std::string missing = folder.path() + "/missing";
  CHECK(has(thrown<ShmError>([&] { create_segment(missing, "one", notes(8, 0)); }), "cannot be"));
  CHECK(has(thrown<ShmError>([&] { segment_names(missing); }), "cannot be read"));
}

TEST_CASE("a segment's file is its owner's alone unless it is said otherwise") {
  const MemoryFolder folder;
  const mode_t mask = umask(0);
  const OwnedSegment mine = create_segment(folder.path(), "one", notes(8, 0));
  const OwnedSegment ours = create_segment(folder.path(), "two", notes(8, 0), 0640);
  umask(mask);
  struct stat status{};
  fstat(mine.mapping->fd(), &status);
  CHECK((status.st_mode & 0777) == 0600);
  fstat(ours.mapping->fd(), &status);
  CHECK((status.st_mode & 0777) == 0640);
}
