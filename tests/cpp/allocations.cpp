// How allocations are counted: through the sanitizer's hooks where there is one, whose malloc must
// stay; otherwise by an operator new and a malloc of the program's own, which count and then do what
// the system's would.
#include "allocations.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FASTCORE_SANITIZED
// As sanitizer/allocator_interface.h has it, which GCC does not bring along.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, std::size_t),
                                                         void (*freed)(const volatile void*));
#endif

namespace {

std::atomic<std::size_t> count{0};

void note() noexcept { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

std::size_t fastcore::testing::allocations() noexcept { return count.load(std::memory_order_relaxed); }

#if defined(FASTCORE_SANITIZED)

namespace {

const int installed = __sanitizer_install_malloc_and_free_hooks([](const volatile void*, std::size_t) { note(); },
                                                                [](const volatile void*) {});

}  // namespace

#else

namespace {

void* plain(std::size_t size) noexcept {
  note();
  return std::malloc(size == 0 ? 1 : size);
}
void* aligned(std::size_t size, std::align_val_t alignment) noexcept {
  note();
  const auto step = static_cast<std::size_t>(alignment);
  const std::size_t rounded = (size + step - 1) / step * step;
  return rounded < size ? nullptr : std::aligned_alloc(step, rounded);
}
void* checked(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return checked(plain(size)); }
void* operator new[](std::size_t size) { return checked(plain(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) { return checked(aligned(size, alignment)); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return checked(aligned(size, alignment)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return plain(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return plain(size); }
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned(size, alignment);
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return aligned(size, alignment);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

#if defined(__GLIBC__)
// Visible, so that the C library's own calls and those of others come here, too.
#pragma GCC visibility push(default)
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): the C library's names
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t number, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(readability-identifier-naming)

void* malloc(std::size_t size) noexcept {
  note();
  return __libc_malloc(size);
}
void* calloc(std::size_t nmemb, std::size_t size) noexcept {
  note();
  return __libc_calloc(nmemb, size);
}
void* realloc(void* ptr, std::size_t size) noexcept {
  note();
  return __libc_realloc(ptr, size);
}
void* memalign(std::size_t alignment, std::size_t size) noexcept {
  note();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  note();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memptr, std::size_t alignment, std::size_t size) noexcept {
  note();
  *memptr = __libc_memalign(alignment, size);
  return *memptr == nullptr ? ENOMEM : 0;
}
}
#pragma GCC visibility pop
#endif

#endif
