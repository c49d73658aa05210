//! Nobody makes up a call that was permitted.
use airssys_wasm::embed::Call;

fn permitted<'a>(call: Call<'a, ()>) -> Call<'a, ()> {
    Call { ..call }
}

fn main() {
    let _ = permitted;
}
