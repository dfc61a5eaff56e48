//! Durations, counted by how long they were.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the classes, in milliseconds; what is longer has a class of its own.
const BOUNDS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

/// How often something took how long, since the start.
#[derive(Debug, Default)]
pub struct Histogram {
    classes: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Upper bound of each class in seconds, and how many took no longer than that.
    pub classes: Vec<(f64, u64)>,
    /// All of them.
    pub count: u64,
    /// How long they took together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// One more.
    pub fn add(&self, took: Duration) {
        let class = BOUNDS.partition_point(|bound| Duration::from_millis(*bound) < took);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn read(&self) -> Distribution {
        let mut count = 0;
        let mut sums = self.classes.iter().map(|class| {
            count += class.load(Ordering::Relaxed);
            count
        });
        #[expect(
            clippy::cast_precision_loss,
            reason = "bounds are small; a sum needs no last digit"
        )]
        let classes = BOUNDS
            .iter()
            .map(|bound| *bound as f64 / 1e3)
            .zip(sums.by_ref())
            .collect();
        let count = sums.next().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a sum needs no last digit")]
        let sum = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        Distribution { classes, count, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_for_every_bound_that_it_keeps() {
        let histogram = Histogram::default();
        for micros in [0, 1_000, 1_001, 10_000_000, 60_000_000] {
            histogram.add(Duration::from_micros(micros));
        }
        let read = histogram.read();
        assert_eq!(read.count, 5);
        assert!((read.sum - 70.002_001).abs() < 1e-9, "{}", read.sum);
        let below = |bound: f64| {
            let class = read.classes.iter().find(|(of, _)| (of - bound).abs() < 1e-9);
            class.unwrap().1
        };
        assert_eq!(
            (below(0.001), below(0.002), below(5.0), below(10.0)),
            (2, 3, 3, 4)
        );
        assert!(read.classes.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    }
}
