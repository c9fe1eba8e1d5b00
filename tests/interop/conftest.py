def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs programs that are not always installed")
