//! Whether what was taken may be handed over: asked of whoever sent it, then of the receiver.

use crate::action::{Action, MsgReceive, MsgSend};
use crate::gate::{Chain, Permit, Weighed};
use crate::post::desk::{Answer, Asker, Letter, Taken};
use crate::post::envelope::Envelope;
use crate::post::inbox::{Delivery, Inbox};
use crate::post::send::may_hear;
use crate::post::shelf::{Kept, Opened, Sent, Shelf};
use crate::{ActionId, Party, Peer, Session, Subject};
use airssys_rt::durable;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// How many messages that may not be handed over are recorded singly. Who sends decides how many come, so the rest is
/// counted, and told at each doubling.
const RECORDED_SINGLY: u64 = 64;

/// How many were refused, by whom it was that might not.
#[derive(Debug, Default)]
pub(in crate::post) struct Counts {
    pub(in crate::post) dropped: AtomicU64,
    pub(in crate::post) unheard: AtomicU64,
    unsent: AtomicU64,
    untrusted: AtomicU64,
}

impl Inbox {
    /// Whether a letter may still be handed over. If not it is dropped, counted, and its sender told if it waits.
    pub(in crate::post) fn judge(
        &self,
        taken: Taken,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Option<Delivery> {
        let Taken { letter, missed } = taken;
        if let Some(why) = lapsed(&letter, import) {
            self.drop_letter(letter.reply, why);
            return None;
        }
        let (lease, action, by) = (letter.lease.clone(), letter.action, letter.import);
        // Under way until it is handed over, so that a change of policies waits for that.
        let under_way = match letter.sender.component() {
            Some(sender) => {
                let Some(permit) = self.heard(sender.clone(), session, import) else {
                    tell(letter.reply, Answer::Refused);
                    return None;
                };
                permit.redeem().map(|heard| (Some(heard), None))
            }
            None => lease.enter(action, by).map(|sent| (None, Some(sent))),
        };
        let Ok(_under_way) = under_way else {
            self.drop_letter(letter.reply, Answer::Refused);
            return None;
        };
        let wants_reply = letter.reply.is_some();
        let id = match self.desk.hand_over(missed, letter.reply) {
            Ok(id) => id,
            Err(asker) => {
                self.drop_letter(Some(asker), Answer::Full);
                return None;
            }
        };
        Some(Delivery {
            id,
            sender: letter.sender,
            chain: letter.chain,
            topic: letter.topic,
            wants_reply,
            time_to_live: letter.expires.map(|end| end.saturating_duration_since(Instant::now())),
            deliveries: 1,
            missed,
            body: letter.body,
        })
    }

    fn drop_letter(&self, asker: Option<Asker>, why: Answer) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        tell(asker, why);
    }

    /// The same for what was taken from the shelf. What cannot be read goes back, until it is a dead letter.
    pub(in crate::post) fn judge_kept(
        &self,
        shelf: &Shelf,
        taken: &durable::Delivery,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Option<Delivery> {
        let Some(opened) = shelf.open(taken) else {
            self.give_back(Kept { sequence: taken.sequence, sent_in: (0, 0) });
            return None;
        };
        let sender = opened.envelope.sender()?;
        let Some(sent) = self.still_sent(shelf, &opened, session, import) else {
            self.drop_kept(shelf, &opened);
            return None;
        };
        let under_way = match sender.component() {
            Some(peer) => {
                let Some(permit) = self.heard(peer.clone(), session, import) else {
                    shelf.throw_away(&opened);
                    return None;
                };
                permit.redeem().map(|heard| (Some(heard), None, None))
            }
            // It rests on the operator's permission alone.
            None => match sent {
                Still::By(sent) => {
                    sent.lease.enter(ActionId::MsgSend, sent.import).map(|sent| (None, Some(sent), None))
                }
                Still::Anew(permit) => permit.redeem().map(|sent| (None, None, Some(sent))),
            },
        };
        let Ok(_under_way) = under_way else {
            self.drop_kept(shelf, &opened);
            return None;
        };
        let Some((id, missed)) = self.desk.hand_over_kept(opened.kept()) else {
            self.give_back(opened.kept());
            return None;
        };
        Some(Delivery {
            id,
            sender,
            chain: Arc::new(opened.envelope.chain.clone()),
            topic: None,
            wants_reply: false,
            time_to_live: shelf.left(opened.envelope.expires),
            deliveries: opened.deliveries,
            missed,
            body: Arc::clone(&opened.envelope.body),
        })
    }

    fn drop_kept(&self, shelf: &Shelf, opened: &Opened) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        shelf.throw_away(opened);
    }

    fn give_back(&self, kept: Kept) {
        self.office.give_back(&self.desk, [kept]);
    }

    /// By what a message on the shelf is still permitted to whoever sent it: its lease while that can be asked, and a verdict
    /// that is taken anew otherwise, about the sender as it was.
    fn still_sent<'a>(
        &self,
        shelf: &Shelf,
        opened: &'a Opened,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Option<Still<'a>> {
        let envelope = &opened.envelope;
        if envelope.operator.is_none() && !shelf.trusts(&envelope.key_id) {
            let (name, key_id) = (envelope.sender()?.name(), &envelope.key_id);
            self.note_untrusted(session, import, &format!("of `{name}`, whose key {key_id} is not trusted"));
            return None;
        }
        if let Some(sent) = &opened.sent {
            return sent.lease.permits(ActionId::MsgSend, sent.import).is_ok().then_some(Still::By(sent));
        }
        let sender = session.gate().session(sender_of(envelope)?);
        // By its own authority: what was lent to it was lent to an instance that is gone.
        let weighed = sender.weigh_own::<MsgSend>(self.desk.peer(), import);
        singly(weighed, &self.counts.unsent, session, import, "permitted to be sent").map(Still::Anew)
    }

    fn note_untrusted(&self, session: &Session, import: &'static str, which: &str) {
        let count = self.counts.untrusted.fetch_add(1, Ordering::Relaxed) + 1;
        if count <= RECORDED_SINGLY || count.is_power_of_two() {
            // It is dropped whether or not this can be written.
            drop(session.note(import, &format!("a message {which}, was dropped; {count} so far")));
        }
    }

    /// Decides whether the receiver may hear of it.
    fn heard(
        &self,
        sender: Peer,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Option<Permit<MsgReceive>> {
        let weighed = session.weigh::<MsgReceive>(sender, import);
        singly(weighed, &self.counts.unheard, session, import, "permitted to be received")
    }
}

/// By what a message on the shelf is still permitted to be sent.
enum Still<'a> {
    By(&'a Sent),
    Anew(Permit<MsgSend>),
}

/// Whoever sent it, as it was.
fn sender_of(envelope: &Envelope) -> Option<Subject> {
    if let Some(operator) = &envelope.operator {
        return Some(Subject::new(Party::Operator(Arc::clone(operator)), 0));
    }
    let (chain, key_id) = (&envelope.chain, &envelope.key_id);
    let sender = chain.caller()?;
    let subject = Subject::new(Arc::clone(&sender.principal), sender.instance).signed_by(key_id);
    subject.serve(Arc::new(Chain::of(chain.callers().iter().skip(1).cloned())));
    Some(subject)
}

/// A permit, if there is one. Denials are counted, and recorded singly at first.
fn singly<A: Action>(
    weighed: Weighed<A>,
    refused: &AtomicU64,
    session: &Session,
    import: &'static str,
    what: &str,
) -> Option<Permit<A>> {
    if weighed.is_allowed() {
        return weighed.commit().ok();
    }
    let refused = refused.fetch_add(1, Ordering::Relaxed) + 1;
    if refused <= RECORDED_SINGLY {
        return weighed.commit().ok();
    }
    if refused.is_power_of_two() {
        // It is refused whether or not this can be written.
        drop(session.note(import, &format!("{refused} messages were not {what} so far")));
    }
    None
}

/// Why a letter is not wanted any more, or not permitted any more to whoever sent it, or to be heard of.
fn lapsed(letter: &Letter, import: &'static str) -> Option<Answer> {
    let expired = letter.expires.is_some_and(|end| end <= Instant::now());
    let given_up = letter.reply.as_ref().is_some_and(|reply| reply.is_closed());
    if expired || given_up {
        return Some(Answer::TimedOut);
    }
    let sent = letter.lease.permits(letter.action, letter.import).is_ok();
    let stands = sent && (letter.topic.is_none() || may_hear(&letter.subscriptions, import));
    (!stands).then_some(Answer::Refused)
}

/// Tells whoever waits for an answer; who no longer does needs not be told.
pub(in crate::post) fn tell(asker: Option<Asker>, answer: Answer) {
    if let Some(asker) = asker {
        drop(asker.send(answer));
    }
}
