//! Requests of the app: each comes to an answer, or to the news that its session was lost.

use super::Model;

/// A request that waits for its end.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// It may wait for ever.
    excused: bool,
    /// The server has counted it: nobody sends it again.
    taken: bool,
}

impl Model {
    /// A request is in the queue.
    pub(super) fn asked(&mut self, id: &str) {
        if is_request(id) && !self.orphans.contains(id) {
            self.requests.entry(id.to_owned()).or_default();
        }
    }

    /// The server answered a request.
    pub(crate) fn answered(&mut self, id: &str) -> bool {
        self.request_ended("answered", id)
    }

    /// The app is told that the session of a request is gone.
    pub(crate) fn lost(&mut self, id: &str) -> bool {
        self.request_ended("lost", id)
    }

    /// The app is told that the server has it.
    pub(crate) fn request_taken(&mut self, id: &str) {
        if let Some(request) = self.requests.get_mut(id) {
            request.taken = true;
        }
    }

    /// The app waits no longer behind the first end, so a second one reaches nobody.
    fn request_ended(&mut self, how: &'static str, id: &str) -> bool {
        let was_waiting = self.requests.remove(id).is_some();
        if was_waiting {
            self.note(how, || id.to_owned());
        }
        was_waiting
    }

    /// A server at which something goes wrong may not answer what it has taken.
    pub(crate) fn excuse_requests(&mut self) {
        self.requests
            .values_mut()
            .for_each(|request| request.excused = true);
    }

    /// The process that asked is dead: what is still in the queue is sent, and nobody waits for the answer.
    pub(super) fn forget_requests(&mut self) {
        self.orphans
            .extend(std::mem::take(&mut self.requests).into_keys());
    }

    /// What waits for its end.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &str> {
        let waiting = self.requests.iter().filter(|(_, request)| !request.excused);
        waiting.map(|(id, _)| id.as_str())
    }
}

fn is_request(id: &str) -> bool {
    id.starts_with("ask-")
}
