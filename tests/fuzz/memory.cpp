// An input may ask for as much memory as the machine has. Here it gets less: what asks for more is out of memory.
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
void* limited(std::size_t size, std::size_t alignment) noexcept {
  constexpr std::size_t most = std::size_t{16} << 20;
  void* bytes = nullptr;
  return size > most || posix_memalign(&bytes, alignment, size) != 0 ? nullptr : bytes;
}
void* required(std::size_t size, std::size_t alignment) {
  void* const bytes = limited(size, alignment);
  if (bytes == nullptr) throw std::bad_alloc();
  return bytes;
}
}  // namespace

void* operator new(std::size_t size) { return required(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return limited(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return required(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
