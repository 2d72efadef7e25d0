//! Answers questions to the file one after another, on a thread of their own.
//!
//! The thread belongs to no runtime, so a runtime that is not driven keeps no other waiting. It ends when nobody waits.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::rate_limit::file::limit_file::{FileFailure, LimitFile};

/// A question to the file may take this long. A disk that hangs is a failure.
const ANSWER: Duration = Duration::from_millis(400);

type Question = Box<dyn FnOnce(&LimitFile) + Send>;

/// The questions of this process, in order of arrival. Only one at a time is with the file, so that a disk that hangs
/// occupies one thread.
pub(super) struct Questions {
    file: LimitFile,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Question>,
    /// The process that has a thread which answers. A thread does not survive a fork.
    thread_of: Option<u32>,
}

impl Questions {
    pub(super) fn new(file: LimitFile) -> Self {
        Self { file, queue: Mutex::default() }
    }

    /// Asks the file, and waits for the answer.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&LimitFile) -> Result<T, FileFailure> + Send + 'static,
    ) -> Result<T, FileFailure> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Box::new(move |file| {
            if !answer.is_closed() {
                let _nobody_waits = answer.send(question(file));
            }
        }));
        match timeout(ANSWER, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.file.failure("cannot be used, because its thread has ended")),
            Err(_) => Err(self.file.failure("cannot be read and written in time")),
        }
    }

    fn enqueue(self: &Arc<Self>, question: Question) {
        let mut queue = self.queue();
        queue.waiting.push_back(question);
        if queue.thread_of.replace(process::id()) == Some(process::id()) {
            return;
        }
        drop(queue);
        let questions = self.clone();
        let thread = thread::Builder::new().name("meetbit-limit".to_owned());
        if thread.spawn(move || questions.answer_all()).is_err() {
            *self.queue() = Queue::default(); // those that wait are told
        }
    }

    fn answer_all(&self) {
        while let Some(question) = self.next() {
            // A panic has been reported, and only its question has no answer.
            let _panic = catch_unwind(AssertUnwindSafe(|| question(&self.file)));
        }
    }

    /// The next question. If there is none, the thread ends.
    fn next(&self) -> Option<Question> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.thread_of = None;
        }
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Questions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.fmt(f)
    }
}
