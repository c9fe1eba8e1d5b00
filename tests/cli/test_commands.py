"""What every command does alike: names, flags, exit codes."""


def test_a_wrong_command_is_told_the_right_one(shop):
    ended = shop.weir("rnu")
    assert ended.code == 2
    assert "did you mean 'run'?" in ended.err


def test_a_wrong_flag_is_told_the_right_one(shop):
    ended = shop.weir("run", "--formt", "json")
    assert ended.code == 2
    assert "did you mean '--format'?" in ended.err


def test_a_project_given_as_dot_is_called_by_its_folder(shop):
    ended = shop.weir("explain", ".")
    assert ended.code == 0
    assert ended.out.splitlines()[0] == "shop"
