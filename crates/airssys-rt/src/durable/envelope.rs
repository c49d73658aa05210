//! A message as it stands on disk: a header of our own, then opaque bytes.

/// Larger fields of the header are refused.
const FIELD: usize = 64 * 1024;

/// A message to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// Who sent it.
    pub sender: String,
    /// The topic it was published to; empty when it was sent directly.
    pub topic: String,
    /// What an answer refers to; empty when none is awaited.
    pub correlation: String,
    /// When it is no longer worth delivering, in milliseconds of wall-clock time since 1970.
    pub expires: Option<u64>,
    /// The message itself.
    pub body: Vec<u8>,
}

impl Envelope {
    /// Whether a field of the header is too long to be kept.
    pub(super) fn overlong(&self) -> bool {
        [&self.sender, &self.topic, &self.correlation].into_iter().any(|field| field.len() > FIELD)
    }

    /// As bytes: version, expiry, three fields with their lengths, body.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend(self.expires.unwrap_or(u64::MAX).to_le_bytes());
        for field in [&self.sender, &self.topic, &self.correlation] {
            // `overlong` was asked first; a longer field would be kept cut, never misread.
            let kept = field.as_bytes().get(..FIELD).unwrap_or(field.as_bytes());
            bytes.extend(u32::try_from(kept.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(kept);
        }
        bytes.extend(&self.body);
        bytes
    }

    /// What `encode` made, or nothing when it did not make this.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (expires, mut rest) = rest.split_first_chunk::<8>()?;
        let mut field = || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (text, after) = after.split_at_checked(length)?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let (sender, topic, correlation) = (field()?, field()?, field()?);
        let expires = Some(u64::from_le_bytes(*expires)).filter(|at| *at != u64::MAX);
        (*version == 1).then(|| Self { sender, topic, correlation, expires, body: rest.to_vec() })
    }
}
