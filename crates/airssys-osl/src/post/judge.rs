//! Whether what was taken may be handed over: asked of whoever sent it, then of the receiver.

use crate::action::{Action, MsgReceive, MsgSend};
use crate::gate::{Chain, Denied, InUse, Lease, Permit, Spent, Weighed, Why};
use crate::post::desk::{Answer, Asker, Letter, Taken};
use crate::post::envelope::Envelope;
use crate::post::inbox::{Delivery, Inbox};
use crate::post::send::may_hear;
use crate::post::sender::Sender;
use crate::post::shelf::{Kept, Opened, Shelf};
use crate::{ActionId, Party, Peer, Session, Subject};
use airssys_rt::durable;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::Span;

/// How many messages that may not be handed over are recorded singly. Who sends decides how many come, so the rest is
/// counted, and told at each doubling.
const RECORDED_SINGLY: u64 = 64;

/// What becomes of a message that was not handed over.
pub(in crate::post) enum Fate {
    /// Nothing more is to be done about it: it was dropped, or comes again.
    Over,
    /// It lies where it lay, and is not to be looked at for a moment.
    Later,
}

/// How many were refused, by whom it was that might not.
#[derive(Debug, Default)]
pub(in crate::post) struct Counts {
    pub(in crate::post) dropped: AtomicU64,
    pub(in crate::post) unheard: AtomicU64,
    pub(in crate::post) taken: AtomicU64,
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
            return self.drop_letter(letter.reply, why);
        }
        let (lease, action, by) = (letter.lease.clone(), letter.action, letter.import);
        let _under_way = match self.begun(&letter.sender, Still::By(&lease, action, by), session, import) {
            Ok(under_way) => under_way,
            Err(lost) => {
                self.lose(letter.reply, &lost);
                return None;
            }
        };
        let wants_reply = letter.reply.is_some();
        let id = match self.desk.hand_over(missed, letter.reply) {
            Ok(id) => id,
            Err(asker) => return self.drop_letter(Some(asker), Answer::Full),
        };
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
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
            within: letter.within,
        })
    }

    fn lose(&self, asker: Option<Asker>, lost: &Lost) {
        match lost {
            Lost::Unheard(_) => tell(asker, Answer::Refused),
            Lost::Late(_) => drop(self.drop_letter::<()>(asker, Answer::Refused)),
        }
    }

    fn drop_letter<T>(&self, asker: Option<Asker>, why: Answer) -> Option<T> {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        tell(asker, why);
        None
    }

    /// The same for what was taken from the shelf. What cannot be read comes again, until it is a dead letter.
    pub(in crate::post) fn judge_kept(
        &self,
        shelf: &Shelf,
        taken: &durable::Delivery,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<Delivery, Fate> {
        let kept = Kept { sequence: taken.sequence, sent_in: (0, 0) };
        let Some(opened) = shelf.open(taken) else {
            self.office.give_back(&self.desk, [kept]);
            return Err(Fate::Over);
        };
        let judged = self.admitted(shelf, opened, session, import);
        if let Err(Fate::Later) = judged {
            self.office.put_back(&self.desk, taken);
        }
        judged
    }

    fn admitted(
        &self,
        shelf: &Shelf,
        opened: Opened,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<Delivery, Fate> {
        let refused = |denied: &Denied| self.fate(shelf, &opened, denied);
        let sender = opened.envelope.sender().ok_or(Fate::Later)?;
        if !shelf.trusts(&opened.envelope) {
            self.note_untrusted(session, import, &sender.name(), &opened.envelope.key_id);
            self.drop_kept(shelf, &opened);
            return Err(Fate::Over);
        }
        let sent = self.still_sent(&opened, session, import).map_err(|denied| refused(&denied))?;
        let begun = self.begun(&sender, sent, session, import);
        let _under_way = begun.map_err(|(Lost::Unheard(denied) | Lost::Late(denied))| refused(&denied))?;
        let (id, missed) = self.desk.hand_over_kept(opened.kept()).ok_or(Fate::Later)?;
        self.counts.taken.fetch_add(1, Ordering::Relaxed);
        Ok(Delivery {
            id,
            sender,
            chain: Arc::new(opened.envelope.chain.clone()),
            topic: None,
            wants_reply: false,
            time_to_live: shelf.left(opened.envelope.expires),
            deliveries: opened.deliveries,
            missed,
            body: Arc::clone(&opened.envelope.body),
            within: Span::none(),
        })
    }

    /// What the policies refuse is dropped, and so is what was taken back from its sender. A receiver that is ending and a log
    /// that cannot be written say nothing of the message.
    fn fate(&self, shelf: &Shelf, opened: &Opened, denied: &Denied) -> Fate {
        let senders = denied.action == ActionId::MsgSend;
        match denied.why {
            Why::Policy | Why::Fault | Why::NotHeld | Why::Widens => {}
            Why::Revoked | Why::Flood | Why::Pace if senders => {}
            Why::Revoked | Why::Flood | Why::Pace | Why::Audit | Why::Unstable => return Fate::Later,
        }
        self.drop_kept(shelf, opened);
        Fate::Over
    }

    fn drop_kept(&self, shelf: &Shelf, opened: &Opened) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        shelf.throw_away(opened);
    }

    /// By what a message on the shelf is still permitted to whoever sent it: its lease while that can be asked, and a verdict
    /// that is taken anew otherwise, about the sender as it was.
    fn still_sent<'a>(
        &self,
        opened: &'a Opened,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<Still<'a>, Denied> {
        if let Some(sent) = &opened.sent {
            let (lease, by) = (&sent.lease, sent.import);
            return lease.permits(ActionId::MsgSend, by).map(|()| Still::By(lease, ActionId::MsgSend, by));
        }
        let sender = session.gate().session(sender_of(&opened.envelope, session));
        // By its own authority: what was lent to it was lent to an instance that is gone.
        let weighed = sender.weigh_own::<MsgSend>(self.desk.peer(), import);
        singly(weighed, &self.counts.unsent, session, import, "permitted to be sent").map(Still::Anew)
    }

    fn note_untrusted(&self, session: &Session, import: &'static str, name: &str, key_id: &str) {
        let count = self.counts.untrusted.fetch_add(1, Ordering::Relaxed) + 1;
        if count <= RECORDED_SINGLY || count.is_power_of_two() {
            // It is dropped whether or not this can be written.
            let text = format!(
                "a message of `{name}`, whose key {key_id} is not trusted, was dropped; {count} so far"
            );
            drop(session.note(import, &text));
        }
    }

    /// Asks whether the receiver may hear of it, but for what an operator sends, which rests on the operator's permission
    /// alone; and begins to hand it over: a change of policies waits for that.
    fn begun<'a>(
        &self,
        sender: &Sender,
        sent: Still<'a>,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<UnderWay<'a>, Lost> {
        let begun = match sender.component() {
            Some(peer) => {
                let permit = self.heard(peer.clone(), session, import).map_err(Lost::Unheard)?;
                Some(permit.redeem().map_err(Lost::Late)?)
            }
            None => None,
        };
        let sent = match sent {
            Still::By(lease, action, by) => lease.enter_step(action, by).map(|sent| (Some(sent), None)),
            Still::Anew(permit) => permit.redeem().map(|sent| (None, Some(sent))),
        };
        let (kept, anew) = sent.map_err(Lost::Late)?;
        Ok((begun, kept, anew))
    }

    /// Decides whether the receiver may hear of it.
    fn heard(
        &self,
        sender: Peer,
        session: &Arc<Session>,
        import: &'static str,
    ) -> Result<Permit<MsgReceive>, Denied> {
        let weighed = session.weigh::<MsgReceive>(sender, import);
        singly(weighed, &self.counts.unheard, session, import, "permitted to be received")
    }
}

/// By what a message is still permitted to be sent.
enum Still<'a> {
    By(&'a Lease, ActionId, &'static str),
    Anew(Permit<MsgSend>),
}

/// That a message is being handed over: by what its receiver may hear, and by what its sender may send.
type UnderWay<'a> = (Option<Spent<MsgReceive>>, Option<InUse<'a>>, Option<Spent<MsgSend>>);

/// Why it is not handed over.
enum Lost {
    /// Its receiver may not hear it.
    Unheard(Denied),
    /// It was permitted until a moment ago.
    Late(Denied),
}

/// Whoever sent it, as it was. An envelope without a sender is not opened; were one, it would be judged as the receiver's own.
fn sender_of(envelope: &Envelope, receiver: &Session) -> Subject {
    let (operator, chain) = (envelope.operator.clone(), &envelope.chain);
    if let Some(operator) = operator {
        return Subject::new(Party::Operator(operator), 0);
    }
    let Some(sender) = chain.caller() else { return Subject::new(receiver.subject().party().clone(), 0) };
    let subject = Subject::new(Arc::clone(&sender.principal), sender.instance).signed_by(&envelope.key_id);
    subject.serve(Arc::new(Chain::of(chain.callers().iter().skip(1).cloned())));
    subject
}

/// A permit, or why there is none. Denials are counted, and recorded singly at first.
fn singly<A: Action>(
    weighed: Weighed<A>,
    refused: &AtomicU64,
    session: &Session,
    import: &'static str,
    what: &str,
) -> Result<Permit<A>, Denied> {
    if weighed.is_allowed() {
        return weighed.commit();
    }
    let refused = refused.fetch_add(1, Ordering::Relaxed) + 1;
    if refused <= RECORDED_SINGLY {
        return weighed.commit();
    }
    if refused.is_power_of_two() {
        // It is refused whether or not this can be written.
        drop(session.note(import, &format!("{refused} messages were not {what} so far")));
    }
    Err(weighed.unrecorded())
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
