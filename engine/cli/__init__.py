"""The command line without a window: ``train``, ``sample``, ``evaluate``, ``info``, ``list``. Each module has ``main(arguments) -> exit code``."""
