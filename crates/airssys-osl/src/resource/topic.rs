//! Topics of events: a tree, like paths.

use crate::{GuestPath, PathError, Resource};

/// A topic by its canonical path, `/orders/new` in `/orders` in `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(GuestPath);

impl Topic {
    /// Parses a topic: as a path, from the root, without `.` and `..`, a slash at its end or two in a row.
    ///
    /// # Errors
    /// [`PathError`] saying what about it is not canonical.
    pub fn parse(topic: &str) -> Result<Topic, PathError> {
        GuestPath::parse(topic).map(Topic)
    }

    /// The topic's path.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// True for the topic itself and each that lies in it.
    pub fn holds(&self, other: &Topic) -> bool {
        let (own, other) = (self.as_str(), other.as_str());
        own == "/" || other.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl From<Topic> for Resource {
    fn from(topic: Topic) -> Resource {
        Resource::Topic(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::Topic;

    #[test]
    fn a_topic_holds_no_other_that_merely_begins_like_it() {
        let topic = |text| Topic::parse(text).unwrap();
        assert!(!topic("/order").holds(&topic("/orders")));
        assert!(!topic("/orders/new").holds(&topic("/orders")));
        assert!(topic("/orders").holds(&topic("/orders/new")));
        assert!(topic("/").holds(&topic("/orders")));
        assert!(Topic::parse("orders").is_err() && Topic::parse("/a/../b").is_err());
    }
}
