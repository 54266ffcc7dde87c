"""What each page shows at one moment: frozen values, built without Qt and compared in tests."""
