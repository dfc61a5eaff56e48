//! Room for reports: questions of pages and tasks never take every connection, so that ingest goes on while the dashboard
//! counts over a large fleet.

use std::sync::{Condvar, Mutex, PoisonError};

/// How many questions may be asked at once; who comes later waits.
#[derive(Debug)]
pub(crate) struct Gate {
    free: Mutex<usize>,
    left: Condvar,
}

/// A question under way.
#[derive(Debug)]
pub(crate) struct Asking<'g>(&'g Gate);

impl Gate {
    pub(crate) const fn new(questions: usize) -> Self {
        Self {
            free: Mutex::new(questions),
            left: Condvar::new(),
        }
    }

    /// Waits until there is room.
    pub(crate) fn enter(&self) -> Asking<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .left
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        Asking(self)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::{Database, conformance::postgres::Postgres, generation::generation, opened::Opened};

    fn reports_pass(location: &str) {
        let database = Database::new(Opened::at(location).unwrap()).unwrap();
        let questions = database.engine.questions();
        let (asked, ended) = (Barrier::new(questions + 1), Barrier::new(questions + 1));
        let late = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..questions {
                scope.spawn(|| {
                    let long = database.read(|_| {
                        asked.wait();
                        ended.wait();
                        Ok(())
                    });
                    long.unwrap();
                });
            }
            asked.wait();
            scope.spawn(|| {
                database.read(generation).unwrap();
                late.store(true, Ordering::SeqCst);
            });
            for _ in 0..20 {
                database.read_first(generation).unwrap();
                database.write(generation).unwrap();
            }
            assert!(!late.load(Ordering::SeqCst), "one question too many waits");
            ended.wait();
        });
        assert!(late.load(Ordering::SeqCst), "and is answered afterwards");
    }

    #[test]
    fn reports_pass_while_as_many_questions_as_may_be_are_asked() {
        let folder = tempfile::tempdir().unwrap();
        reports_pass(&format!("sqlite:{}", folder.path().join("gate.db").display()));
        if let Some(bench) = Postgres::start() {
            reports_pass(bench.location());
        }
    }

    #[test]
    fn a_question_that_panics_gives_its_place_back() {
        let gate = Gate::new(1);
        let broke = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _asking = gate.enter();
            panic!("on purpose");
        }));
        assert!(broke.is_err());
        drop(gate.enter());
    }
}
