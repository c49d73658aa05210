//! Each oracle can fail: a twin of the product that breaks one promise is found, by the inputs that are kept.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use airssys_fuzz::policies::{Made, Seen, Size};
use airssys_fuzz::{audit_log, code_cache, files, handles, identity, mailbox, policies, supervision, swap};
use airssys_osl::action::ClockRead;
use airssys_osl::clock::Reader;
use airssys_osl::{Ask, Authorizer, Clock, Decision, GuestPath, Reasons, Subject, Verdict, Why};
use airssys_rt::{Intensity, Overflow, Strategy, Supervisor};
use airssys_wasm::audit::{Head, Report, Tail, verify};
use airssys_wasm::identity::{IdentityError, Trust, claims};
use airssys_wasm::kernel::Origin;
use airssys_wasm::policy::{CedarAuthorizer, Policies};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Fails unless some input that is kept makes the oracle fail. With `AIRSSYS_KEEP_TWINS` set, a random one that does is put
/// there first, under the test's name.
#[track_caller]
fn found(name: &str, oracle: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let inputs = std::fs::read_dir(&corpus).unwrap();
    let fails = |data: &[u8]| catch_unwind(AssertUnwindSafe(|| oracle(data))).is_err();
    let finds = inputs.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).any(|data| fails(&data));
    if !finds && std::env::var_os("AIRSSYS_KEEP_TWINS").is_some() {
        let data = (0..20_000).map(random).find(|data| fails(data)).unwrap();
        let test = std::thread::current().name().unwrap().replace(['_', ':'], "-");
        return std::fs::write(corpus.join(test), data).unwrap();
    }
    assert!(finds, "no input that is kept finds the broken twin");
}

/// Bytes that are always the same for a number.
fn random(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    let length = 20 + usize::from(next());
    (0..length).map(|_| next()).collect()
}

/// Decides as the product does, and then otherwise.
struct Twin(CedarAuthorizer, fn(Decision) -> Decision);

impl Authorizer for Twin {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        self.1(self.0.decide(ask))
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        self.0.epoch()
    }
    fn names_beneath(&self, path: &GuestPath) -> bool {
        self.0.names_beneath(path)
    }
    fn visible(&self, subject: &Subject, mount: &GuestPath) -> bool {
        self.0.visible(subject, mount)
    }
}

#[track_caller]
fn decided_otherwise(twin: fn(Decision) -> Decision) {
    let made: Box<Made> =
        Box::new(move |policies: Policies| Arc::new(Twin(CedarAuthorizer::new(policies), twin)));
    let size = Size { policies: 6, questions: 12 };
    found("policies", |data| policies::check(data, size, &*made, &Seen::default()));
}

#[test]
fn a_policy_that_errs_and_is_passed_over_is_found() {
    decided_otherwise(|decision| match decision.verdict {
        Verdict::Fault(reasons) if reasons.policies.is_empty() => {
            Decision { verdict: Verdict::Deny(reasons), ..decision }
        }
        Verdict::Fault(reasons) => Decision { verdict: Verdict::Allow(reasons), ..decision },
        _ => decision,
    });
}

#[test]
fn a_forbid_that_is_passed_over_is_found() {
    decided_otherwise(|decision| match decision.verdict {
        Verdict::Deny(reasons) if !reasons.policies.is_empty() => {
            Decision { verdict: Verdict::Allow(reasons), ..decision }
        }
        _ => decision,
    });
}

#[test]
fn an_allow_by_default_is_found() {
    decided_otherwise(|decision| match decision.verdict {
        Verdict::Deny(reasons) if reasons.policies.is_empty() => {
            Decision { verdict: Verdict::Allow(reasons), ..decision }
        }
        _ => decision,
    });
}

#[test]
fn a_policy_that_the_index_forgot_is_found() {
    decided_otherwise(|decision| match &decision.verdict {
        Verdict::Allow(reasons) if reasons.policies.len() > 1 => {
            let policies = reasons.policies[1..].to_vec();
            let reasons = Arc::new(Reasons { policies, errors: Vec::new() });
            Decision { verdict: Verdict::Allow(reasons), ..decision }
        }
        _ => decision,
    });
}

#[test]
fn a_verdict_kept_although_it_read_the_context_is_found() {
    decided_otherwise(|decision| Decision { reusable: true, ..decision });
}

/// What a file says of itself, believed.
fn believed(bytes: &[u8]) -> Result<identity::Identity, IdentityError> {
    let claims = claims(bytes)?;
    Ok(identity::Identity { digest: claims.digest, manifest: claims.manifest, bytes: bytes.to_vec() })
}

#[test]
fn a_verifier_that_believes_what_a_file_says_of_itself_is_found() {
    found("identity", |data| identity::check(data, &|bytes, _, _| believed(&bytes)));
}

#[test]
fn a_verifier_that_reads_up_to_the_end_that_was_signed_is_found() {
    let lenient = |bytes: Vec<u8>, trust: &Trust, now| {
        let shorter = (0..bytes.len().min(20)).map(|less| bytes[..bytes.len() - less].to_vec());
        let passed = shorter.map(|bytes| identity::product(bytes, trust, now)).find_map(Result::ok);
        let whole = identity::product(bytes.clone(), trust, now);
        passed.map_or(whole, |passed| Ok(identity::Identity { bytes, ..passed }))
    };
    found("identity", |data| identity::check(data, &lenient));
}

#[test]
fn a_verifier_that_hands_on_other_bytes_than_it_verified_is_found() {
    let shorter = |bytes: Vec<u8>, trust: &Trust, now| {
        let mut passed = identity::product(bytes, trust, now)?;
        passed.bytes.pop();
        Ok(passed)
    };
    found("identity", |data| identity::check(data, &shorter));
}

#[test]
fn a_mistake_without_its_place_is_found() {
    let readers = files::Readers { placed: |_, _| Err("something is wrong".to_owned()), ..files::PRODUCT };
    found("files", |data| files::check(data, &readers));
    let beyond = files::Readers { placed: |_, _| Err("the-file:9999:1: wrong".to_owned()), ..files::PRODUCT };
    found("files", |data| files::check(data, &beyond));
}

#[test]
fn a_digest_that_leaves_something_out_is_found() {
    let digest = |text: &str| (files::PRODUCT.policies)(text).map(|(rules, _)| (rules, "same".to_owned()));
    let readers = files::Readers { policies: digest, ..files::PRODUCT };
    found("files", |data| files::check(data, &readers));
}

#[test]
fn a_key_that_is_printed_otherwise_than_it_is_read_is_found() {
    let key = |text: &str| (files::PRODUCT.key)(text).map(|[text, pem]| [text.to_uppercase(), pem]);
    let readers = files::Readers { key, ..files::PRODUCT };
    found("files", |data| files::check(data, &readers));
}

#[track_caller]
fn verified_otherwise(twin: fn(&[u8], Option<Head>) -> Option<Report>) {
    found("audit_log", |data| audit_log::check(data, &twin));
}

#[test]
fn a_verifier_that_finds_nothing_is_found() {
    verified_otherwise(|log, head| {
        let mut report = verify(log, head).ok()?;
        report.finding = None;
        Some(report)
    });
}

#[test]
fn a_verifier_that_does_not_look_at_the_head_is_found() {
    verified_otherwise(|log, head| {
        let mut report = verify(log, None).ok()?;
        report.tail = if head.is_some() { Tail::Proven } else { Tail::Unproven };
        Some(report)
    });
}

#[test]
fn a_verifier_that_calls_a_crash_tampering_is_found() {
    verified_otherwise(|log, head| {
        let whole = log.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole == log.len() { verify(log, head).ok() } else { None }
    });
}

#[test]
fn a_handle_that_is_not_decided_on_anew_is_found() {
    let kept = |reader: &Reader| {
        let revoked = reader.lease().is_revoked() || reader.lease().session().is_revoked();
        if revoked { Err(Why::Revoked) } else { Ok(()) }
    };
    found("handles", |data| handles::check(data, &kept));
}

#[test]
fn a_handle_that_outlives_its_revocation_is_found() {
    let by_policy = |reader: &Reader| {
        let session = reader.lease().session();
        let on = if reader.lease().resource().id() == "wall" { Clock::Wall } else { Clock::Monotonic };
        session.authorize::<ClockRead>(on, "test:test/test#test").map(drop).map_err(|denied| denied.why)
    };
    found("handles", |data| handles::check(data, &by_policy));
}

#[test]
fn a_capacity_that_is_only_a_hint_is_found() {
    let roomy = |capacity, overflow, handler| mailbox::product(capacity + 1, overflow, handler);
    found("mailbox", |data| mailbox::check(data, &roomy));
}

#[test]
fn a_mailbox_that_drops_the_wrong_end_is_found() {
    let other = |capacity, overflow, handler| {
        let overflow = if overflow == Overflow::DropOldest { Overflow::DropNewest } else { overflow };
        mailbox::product(capacity, overflow, handler)
    };
    found("mailbox", |data| mailbox::check(data, &other));
}

#[test]
fn a_supervisor_that_restarts_more_than_it_should_is_found() {
    found("supervision", |data| {
        supervision::check(data, |strategy, intensity| {
            let all = if strategy == Strategy::RestForOne { Strategy::OneForAll } else { strategy };
            Supervisor::with_intensity(all, intensity)
        });
    });
}

#[test]
fn a_supervisor_that_bears_one_fault_more_is_found() {
    found("supervision", |data| {
        supervision::check(data, |strategy, intensity| {
            Supervisor::with_intensity(strategy, Intensity { faults: intensity.faults + 1, ..intensity })
        });
    });
}

#[test]
fn a_cache_that_takes_any_entry_of_its_own_format_is_found() {
    found("code_cache", |data| {
        code_cache::check(data, &|cache, component| match code_cache::product(cache, component) {
            Origin::CompiledAnew(why) if why.starts_with("its seal") => Origin::Cached,
            origin => origin,
        });
    });
}

#[test]
fn a_cache_that_finds_out_by_the_code_is_found() {
    found("code_cache", |data| {
        code_cache::check(data, &|cache, component| match code_cache::product(cache, component) {
            Origin::CompiledAnew(_) => Origin::CompiledAnew("unknown relocation".to_owned()),
            origin => origin,
        });
    });
}

#[test]
fn a_change_that_waits_for_nobody_is_found() {
    found("swap", |data| {
        swap::check(data, &|authorizer, _, policies| {
            authorizer.swap(policies);
        })
    });
}

#[test]
fn a_change_that_comes_later_is_found() {
    static LATER: std::sync::Mutex<Option<Policies>> = std::sync::Mutex::new(None);
    found("swap", |data| {
        *LATER.lock().unwrap() = None;
        swap::check(data, &|authorizer, gate, policies| {
            let before = LATER.lock().unwrap().replace(policies);
            before.into_iter().for_each(|policies| swap::product(authorizer, gate, policies));
        });
    });
}

#[cfg(target_os = "linux")]
mod paths {
    use super::found;
    use airssys_fuzz::paths::{Found, Place, check, product};
    use airssys_osl::fs::FsError;
    use std::os::unix::fs::MetadataExt;

    fn object(metadata: std::io::Result<std::fs::Metadata>) -> Result<Found, FsError> {
        let metadata = metadata.map_err(|_| FsError::NoEntry)?;
        Ok(Found { object: metadata.mtime() as u64, path: None })
    }

    #[test]
    fn a_path_that_leads_out_is_found() {
        // What a program does that joins the guest's path to the root's.
        let joined = |place: &Place<'_>, path: &str, follow| {
            let path = place.host.join(path);
            object(if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) })
        };
        found("paths", |data| check(data, &joined));
    }

    #[test]
    fn a_link_that_is_followed_where_it_may_not_be_is_found() {
        found("paths", |data| check(data, &|place, path, _| product(place, path, true)));
    }

    #[test]
    fn a_decision_on_the_name_and_not_on_the_object_is_found() {
        let by_name = |place: &Place<'_>, path: &str, follow| {
            product(place, path, follow).map(|found| Found { path: Some(path.to_owned()), ..found })
        };
        found("paths", |data| check(data, &by_name));
    }
}
