//! The heap after a scan: what was freed goes back to the system, so that an idle agent is small.

/// Gives freed memory back to the system; nothing where the allocator has no such call.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    malloc_trim(0);
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the C library's allocator has no other door")]
// SAFETY: the signature is that of malloc.h; the call takes its own locks and touches only memory that
// was freed.
unsafe extern "C" {
    safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
}

#[cfg(test)]
mod tests {
    use super::release_memory;

    #[test]
    fn what_is_in_use_stays() {
        let kept = vec![7u8; 1 << 20];
        drop(vec![1u8; 1 << 20]);
        release_memory();
        assert!(kept.iter().all(|byte| *byte == 7));
    }
}
