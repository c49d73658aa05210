use crate::support::{allow, decide, deny, load, subject};
use airssys_osl::{ActionId, Recorder, Resource, Verdict};
use airssys_wasm::audit::{Log, Refused};
#[test]
fn gen_example() {
    let (log, memory) = Log::in_memory();
    let subject = subject(1);
    load(&log, &subject).unwrap();
    let path = |p: &str| Resource::parse("Path", p).unwrap();
    decide(&log, &subject, ActionId::FsRead, &path("/data/in/photo.jpg"), &allow("thumb-reads-input")).unwrap();
    decide(&log, &subject, ActionId::FsRead, &path("/data/secret/kl\u{fc}\u{2028}\u{7f}\u{1F511}.key"), &deny()).unwrap();
    let clock = Resource::parse("Clock", "wall").unwrap();
    decide(&log, &subject, ActionId::ClockRead, &clock, &Verdict::fault("policy `slow`: attribute `caller` not found")).unwrap();
    log.summary(&subject, &[(ActionId::FsRead, 41)]).unwrap();
    log.note(&subject, "wasi:cli/exit@0.2.8#exit", "exit with status 0").unwrap();
    log.refused(&Refused { claimed: Some("acme/draw"), file_digest: None, import: Some("acme:gpu/draw@1.0.0"), reason: "it imports what is not offered" }).unwrap();
    log.close().unwrap();
    std::fs::write("/tmp/audit-example.log", memory.bytes()).unwrap();
}
