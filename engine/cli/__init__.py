"""The command line without a window: ``train``, ``sample``, ``info``, ``list``. Each module has ``main(arguments) -> exit code``."""
