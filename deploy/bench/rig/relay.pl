# The bare UDP relay that the server is compared with: a blocking loop of
# recv() and one send() per receiver, without RTP, crypto or an event loop. It
# is Perl because perl-base is on every Debian, while a compiler is not, and a
# relay in Node would cost more than the server in C++ that it is to judge.
#
# Usage: perl relay.pl <port> <receiver's port>...
use strict;
use warnings;
use Socket;

my ($port, @receivers) = @ARGV;
my $loopback = inet_aton('127.0.0.1');
socket(my $in, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
setsockopt($in, SOL_SOCKET, SO_RCVBUF, 1 << 20) or die "setsockopt: $!";
bind($in, pack_sockaddr_in($port, $loopback)) or die "bind $port: $!";
socket(my $out, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
my @to = map { pack_sockaddr_in($_, $loopback) } @receivers;
print "listening\n";
close STDOUT;
my $packet;
while (defined recv($in, $packet, 2048, 0)) {
    send($out, $packet, 0, $_) for @to;
}
die "recv: $!";
