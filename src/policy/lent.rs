//! Why something is allowed on authority that was lent.

use super::explain::{Explanation, Question, explain};
use super::load::Policies;
use airssys_osl::{Caller, Chain, Outcome, Party, Subject};
use std::sync::Arc;

/// Decides again what was asked in the name of lenders, the nearest first, and says why: by the gate's own rule. Without
/// lenders it is [`explain`].
pub fn explain_lent(policies: &Policies, question: &Question, lenders: &[Caller]) -> Explanation {
    let own = explain(policies, question);
    if !is_by_default(&own) {
        return own;
    }
    let mut chain = behind(&question.principal, 0, Arc::clone(&question.chain));
    for (at, lender) in lenders.iter().enumerate() {
        let principal = Party::from(Arc::clone(&lender.principal));
        let asked = Question { principal: principal.clone(), chain: Arc::clone(&chain), ..question.clone() };
        let said = explain(policies, &asked);
        let (is_last, allows) = (at + 1 == lenders.len(), said.verdict == Outcome::Allow.name());
        if is_last && allows {
            let lenders = lenders.iter().map(|lender| lender.principal.name.clone()).collect();
            return Explanation { principal: own.principal, lenders, ..said };
        }
        if is_last || !(allows || is_by_default(&said)) {
            break;
        }
        chain = behind(&principal, lender.instance, chain);
    }
    own
}

/// Nothing permits it, and nothing forbids it.
fn is_by_default(said: &Explanation) -> bool {
    said.verdict == Outcome::Deny.name() && said.policies.is_empty() && said.errors.is_empty()
}

/// On whose behalf the next one is asked.
fn behind(principal: &Party, instance: u64, chain: Arc<Chain>) -> Arc<Chain> {
    let subject = Subject::new(principal.clone(), instance);
    subject.serve(chain);
    subject.chain_of_callee()
}
