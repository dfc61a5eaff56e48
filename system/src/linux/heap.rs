//! The heap of a program that does much for a moment and then nothing for long: what was freed goes back to the system.
//! Knows the allocator of the GNU C library; with another one nothing is done.

/// Call once at the start: large blocks are returned when they are freed, and stay the exception.
/// The allocator would otherwise learn from the first large block to keep the next ones.
pub fn keep_heap_small() {
    #[cfg(target_env = "gnu")]
    {
        const TRIM_THRESHOLD: std::ffi::c_int = -1;
        const MMAP_THRESHOLD: std::ffi::c_int = -3;
        const BYTES: std::ffi::c_int = 128 << 10;
        // An allocator that knows no such setting keeps its own.
        mallopt(MMAP_THRESHOLD, BYTES);
        mallopt(TRIM_THRESHOLD, BYTES);
    }
}

/// Gives freed memory back to the system.
pub fn release_heap() {
    #[cfg(target_env = "gnu")]
    malloc_trim(0);
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library's allocator has no other door")]
// SAFETY: the signatures are those of malloc.h; both calls take their own locks, read their arguments
// only, and touch no memory that is in use.
unsafe extern "C" {
    safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
    safe fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays() {
        keep_heap_small();
        let kept = vec![7u8; 1 << 20];
        drop(vec![1u8; 1 << 20]);
        release_heap();
        assert!(kept.iter().all(|byte| *byte == 7));
    }
}
