//! Bodies of bounded length.

use crate::serve::control::{Code, ControlError};
use bytes::{Bytes, BytesMut};
use hyper::body::Body;
use std::future::poll_fn;
use std::pin::Pin;

/// Reads a whole body of at most `most` bytes. A longer one is an error before more of it is held.
pub(in crate::serve) async fn read<B>(mut body: B, most: usize) -> Result<Bytes, ControlError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > most as u64 {
        return Err(too_large(most));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let cut = |_| ControlError::invalid("the body was cut off", "send it whole");
        let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
        if data.len() > most.saturating_sub(bytes.len()) {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn too_large(most: usize) -> ControlError {
    ControlError::new(Code::TooLarge, format!("the body has more than {most} bytes"), "send less")
}
