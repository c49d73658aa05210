//! Who a message is from.

use crate::principal::Party;
use crate::{Operator, Peer, Subject};
use std::sync::Arc;

/// Whoever sent a message, as the kernel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A component, as it lived then.
    Component(Peer),
    /// An operator.
    Operator(Arc<Operator>),
}

impl Sender {
    pub(in crate::post) fn of(subject: &Subject) -> Sender {
        match subject.party() {
            Party::Component(principal) => Sender::Component(Peer::live(principal, subject.instance())),
            Party::Operator(operator) => Sender::Operator(Arc::clone(operator)),
        }
    }

    /// Its name: `acme/thumb`, `operator:1000`. No component is called like an operator.
    pub fn name(&self) -> String {
        match self {
            Sender::Component(peer) => peer.name().to_owned(),
            Sender::Operator(operator) => Party::Operator(Arc::clone(operator)).name(),
        }
    }

    /// The operator, if it is one.
    pub fn operator(&self) -> Option<&Arc<Operator>> {
        match self {
            Sender::Component(_) => None,
            Sender::Operator(operator) => Some(operator),
        }
    }

    /// The component, if it is one.
    pub fn component(&self) -> Option<&Peer> {
        match self {
            Sender::Component(peer) => Some(peer),
            Sender::Operator(_) => None,
        }
    }
}
