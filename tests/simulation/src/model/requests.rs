//! Requests of the app: each gets an answer, or the report that its session was lost.

use super::Model;

/// A request that waits for its end.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// It may wait for ever.
    excused: bool,
    /// The server has counted it: it is not sent again.
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

    /// The app receives the report that the session of a request is lost.
    pub(crate) fn lost(&mut self, id: &str) -> bool {
        self.request_ended("lost", id)
    }

    /// The app receives the report that the server has the request.
    pub(crate) fn request_taken(&mut self, id: &str) {
        if let Some(request) = self.requests.get_mut(id) {
            request.taken = true;
        }
    }

    /// The app stops waiting after the first end, so a second one is a fault.
    fn request_ended(&mut self, how: &'static str, id: &str) -> bool {
        let was_waiting = self.requests.remove(id).is_some();
        if was_waiting {
            self.note(how, || id.to_owned());
        }
        was_waiting
    }

    /// A server with a fault may not answer what it has received.
    pub(crate) fn excuse_requests(&mut self) {
        self.requests
            .values_mut()
            .for_each(|request| request.excused = true);
    }

    /// The process of the requests was killed: what is in the queue is still sent, and no caller waits for the answer.
    pub(super) fn forget_requests(&mut self) {
        self.orphans
            .extend(std::mem::take(&mut self.requests).into_keys());
    }

    /// Returns the requests that wait for their end.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &str> {
        let waiting = self.requests.iter().filter(|(_, request)| !request.excused);
        waiting.map(|(id, _)| id.as_str())
    }
}

fn is_request(id: &str) -> bool {
    id.starts_with("ask-")
}
