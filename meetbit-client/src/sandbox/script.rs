//! The queue of faults for future requests.

use http::Method;

use super::fault::Fault;

/// The requests that a fault is for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) method: Method,
    pub(super) path: String,
}

impl Target {
    fn meets(&self, method: &Method, path: &str) -> bool {
        self.method == method && meets(&self.path, path)
    }
}

/// Whether a path matches a template; a segment in braces matches any segment.
pub(super) fn meets(template: &str, path: &str) -> bool {
    let (wanted, actual) = (template.split('/'), path.split('/'));
    wanted.clone().count() == actual.clone().count()
        && wanted.zip(actual).all(|(wanted, actual)| wanted == actual || wanted.starts_with('{'))
}

#[derive(Debug, Default)]
pub(super) struct Script {
    queued: Vec<(Option<Target>, Fault)>,
}

impl Script {
    pub(super) fn add(&mut self, target: Option<Target>, fault: Fault) {
        self.queued.push((target, fault));
    }

    /// Takes the first fault for such a request out of the queue. A denied request takes no reply.
    pub(super) fn take(&mut self, method: &Method, path: &str, is_denied: bool) -> Option<Fault> {
        let meant = |(target, fault): &(Option<Target>, Fault)| {
            target.as_ref().is_none_or(|target| target.meets(method, path)) && !(is_denied && fault.is_reply())
        };
        let position = self.queued.iter().position(meant)?;
        Some(self.queued.remove(position).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target { method: Method::PATCH, path: path.into() }
    }

    #[test]
    fn a_segment_in_braces_stands_for_any() {
        assert!(target("/users/{user_id}").meets(&Method::PATCH, "/users/7"));
        assert!(!target("/users/{user_id}").meets(&Method::PATCH, "/users/7/x"));
        assert!(!target("/users/{user_id}").meets(&Method::PATCH, "/users"));
        assert!(!target("/users/{user_id}").meets(&Method::GET, "/users/7"));
    }

    #[test]
    fn each_request_takes_the_first_fault_meant_for_it() {
        let mut script = Script::default();
        script.add(Some(target("/users/1")), Fault::reset());
        script.add(None, Fault::close());
        assert!(format!("{:?}", script.take(&Method::GET, "/users", false)).contains("Close"));
        assert!(script.take(&Method::GET, "/users", false).is_none());
        assert!(format!("{:?}", script.take(&Method::PATCH, "/users/1", false)).contains("Reset"));
    }
}
