//! What the image is and lacks.

pub mod missing_from_image;
