// A UCX and an MPI of any version, of which nothing but that may be asked: cc -DUCX_MAJOR=1 -DUCX_MINOR=12
// -DMPI_MAJOR=2 -DMPI_NAME='"Open MPI v1.4"'.
#include <stdlib.h>
#include <string.h>

void ucp_get_version(unsigned *major, unsigned *minor, unsigned *release) {
  (*major = UCX_MAJOR, *minor = UCX_MINOR, *release = 0);
}

int MPI_Get_version(int *major, int *minor) {
  (*major = MPI_MAJOR, *minor = 0);
  return 0;
}

int MPI_Get_library_version(char *text, int *count) {
  strcpy(text, MPI_NAME);
  *count = (int)strlen(text);
  return 0;
}

#define NEVER(name) void name(void) { abort(); }
#define UCP(name) NEVER(ucp_##name)
#define MPI(name) NEVER(MPI_##name)

NEVER(ucs_status_string)
UCP(config_read) UCP(config_modify) UCP(config_release) UCP(init_version) UCP(context_print_info) UCP(cleanup)
UCP(worker_create) UCP(worker_destroy) UCP(worker_get_address) UCP(worker_release_address)
UCP(worker_get_efd) UCP(worker_arm) UCP(worker_progress) UCP(ep_flush_nbx) UCP(ep_create)
UCP(tag_send_nbx) UCP(tag_recv_nbx) UCP(tag_recv_request_test) UCP(request_check_status)
UCP(request_cancel) UCP(request_free)

MPI(Initialized) MPI(Finalized) MPI(Init_thread) MPI(Query_thread) MPI(Finalize) MPI(Error_string)
MPI(Comm_dup) MPI(Comm_set_errhandler) MPI(Comm_get_attr) MPI(Comm_rank) MPI(Comm_size)
MPI(Isend) MPI(Irecv) MPI(Test) MPI(Cancel) MPI(Get_count) MPI(Iprobe) MPI(Comm_group)
MPI(Group_incl) MPI(Group_free) MPI(Comm_create_group) MPI(Allreduce) MPI(Reduce_scatter_block)
MPI(Allgather) MPI(Bcast) MPI(Alltoall)
