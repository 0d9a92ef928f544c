"""The command line without a window: ``train``, ``sample``, ``evaluate``, ``info``, ``list``; each module has ``main(arguments)``."""
