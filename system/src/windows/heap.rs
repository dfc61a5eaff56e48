//! The heap of a program that does much for a moment and then nothing for long: what was freed goes back to the system.

use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapCompact};

/// Nothing to be told at the start: the system's heap returns large blocks by itself.
pub fn keep_heap_small() {}

/// Gives freed memory back to the system.
pub fn release_heap() {
    // SAFETY: the heap of the process is always there.
    #[expect(unsafe_code, reason = "a function of the system")]
    let heap = unsafe { GetProcessHeap() };
    // SAFETY: the heap takes its own locks.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _largest = unsafe { HeapCompact(heap, 0) };
}
