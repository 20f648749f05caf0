//! The control plane: hosts connect outward to it, clients reach them through it.
