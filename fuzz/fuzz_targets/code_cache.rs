#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| airssys_fuzz::code_cache::code_cache(data));
