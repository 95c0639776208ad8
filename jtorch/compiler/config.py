"""`torch.compiler.config`: the switches of PyTorch's compiler. They can be set, and have no effect here."""

job_id: str | None = None
pgo_extra_read_key: str | None = None
pgo_extra_write_key: str | None = None
cache_key_tag: str = ""
dynamic_sources: str = ""
unbacked_sources: str = ""
force_disable_caches: bool = False
