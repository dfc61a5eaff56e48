//! What waits for the writer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How much waits.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: AtomicUsize,
    bytes: AtomicUsize,
}

/// One job that waits; it is off the queue when this is dropped.
#[derive(Debug)]
pub struct Waiting {
    queue: Arc<Queue>,
    bytes: usize,
}

impl Queue {
    /// One more job, of so many bytes.
    pub fn enter(self: &Arc<Self>, bytes: usize) -> Waiting {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Waiting {
            queue: Arc::clone(self),
            bytes,
        }
    }

    /// Jobs that wait.
    pub fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.queue.jobs.fetch_sub(1, Ordering::Relaxed);
        self.queue.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_does_not() {
        let queue = Arc::<Queue>::default();
        let (first, second) = (queue.enter(10), queue.enter(5));
        assert_eq!((queue.jobs(), queue.bytes()), (2, 15));
        drop(first);
        assert_eq!((queue.jobs(), queue.bytes()), (1, 5));
        drop(second);
        assert_eq!((queue.jobs(), queue.bytes()), (0, 0));
    }
}
